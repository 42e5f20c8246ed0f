/** Tells the state of the volume upwards, whenever it is another than the one told last. */
import {
  DAMAGED_SHARDS_MAX,
  type DamagedShard,
  type LoadingShard,
  type StorageReport,
  type VolumeState,
} from '@miniredis/crds'
import type { LogState } from './log/log.ts'
import type { ShardDamage } from './recovery.ts'
import type { ShardKeeper } from './shard-keeper.ts'

const MESSAGE_CHARACTERS_MAX = 512
const FILE_CHARACTERS_MAX = 255

export interface StorageFacts {
  /** Nothing could be read, for this reason. */
  readonly failure: string | undefined
  readonly logState: LogState | undefined
  readonly loading: readonly ShardKeeper[]
  readonly percent: number
  readonly damaged: readonly (readonly [ShardKeeper, ShardDamage])[]
}

export class StorageReporter {
  readonly #directory: string
  readonly #report: (report: StorageReport) => void
  #last = ''

  constructor(directory: string, report: (report: StorageReport) => void) {
    this.#directory = directory
    this.#report = report
  }

  /** The damage as people should read it: files are named from the data directory on. */
  shown({ file, offset, message }: ShardDamage): ShardDamage {
    const prefix = `${this.#directory}/`
    return {
      file: (file.startsWith(prefix) ? file.slice(prefix.length) : file).slice(
        -FILE_CHARACTERS_MAX,
      ),
      offset,
      message: message.replaceAll(prefix, '').slice(0, MESSAGE_CHARACTERS_MAX),
    }
  }

  tell(facts: StorageFacts): void {
    const report: StorageReport = {
      volume: volumeState(facts),
      loading: facts.loading.map((keeper) => loadingShard(keeper, facts.percent)),
      damaged: facts.damaged
        .slice(0, DAMAGED_SHARDS_MAX)
        .map(([keeper, damage]) => this.#damagedShard(keeper, damage)),
    }
    const text = JSON.stringify(report)
    if (text === this.#last) return
    this.#last = text
    this.#report(report)
  }

  #damagedShard({ name: { tenantUid, shard } }: ShardKeeper, damage: ShardDamage): DamagedShard {
    return { tenantUid, shard, ...this.shown(damage) }
  }
}

const loadingShard = (
  { name: { tenantUid, shard } }: ShardKeeper,
  percent: number,
): LoadingShard => ({ tenantUid, shard, percent })

function volumeState({ failure, logState }: StorageFacts): VolumeState {
  if (failure !== undefined) return { state: 'Failed', message: cut(failure) }
  switch (logState?.kind) {
    case 'full':
      return { state: 'Full', message: cut(logState.reason) }
    case 'failed':
      return { state: 'Failed', message: cut(logState.reason) }
    default:
      return { state: 'Healthy', message: '' }
  }
}

const cut = (text: string): string => text.slice(0, MESSAGE_CHARACTERS_MAX)
