/**
 * Brings the shards of a process back: the newest snapshot of each, then the log, in one pass.
 *
 * A shard whose files cannot be trusted is left empty and says why. The others are served when
 * both have been read.
 */
import { type Replay, ReplayError } from '../commands/replay.ts'
import { type Disk, isDiskError } from './disk.ts'
import type { Log, LogPosition, RecoveredRecord, RecoveryReport } from './log/log.ts'
import type { ShardKeeper } from './shard-keeper.ts'
import { loadSnapshot, SnapshotError } from './snapshot/load-snapshot.ts'
import type { Slices } from './snapshot/slices.ts'
import { positionIn, type Shelf } from './snapshot-shelf.ts'

/** Why a shard is not served. */
export interface ShardDamage {
  readonly file: string
  readonly offset: number
  readonly message: string
}

export interface RecoveryParts {
  readonly disk: Disk
  readonly shelf: Shelf
  readonly log: Log | undefined
  readonly replay: Replay
  readonly slices: Slices
  /** The keeper of this shard, if it is wanted here. */
  readonly keeper: (key: string) => ShardKeeper | undefined
  readonly damaged: (keeper: ShardKeeper, damage: ShardDamage) => void
  /** Share of the bytes that are read, 0 to 100. */
  readonly progress: (percent: number) => void
}

export class Recovery {
  readonly #parts: RecoveryParts
  readonly #damaged = new Set<string>()
  readonly #positions = new Map<string, LogPosition>()
  readonly #foreign = new Set<string>()

  constructor(parts: RecoveryParts) {
    this.#parts = parts
  }

  /** Loads the snapshots of these shards. */
  async loadSnapshots(keepers: readonly ShardKeeper[]): Promise<void> {
    for (const [index, keeper] of keepers.entries()) {
      await this.#load(keeper, (done) => {
        this.#parts.progress(Math.floor((50 * (index + done)) / keepers.length))
      })
    }
  }

  /** Reads the log. Rejects with what the disk said when it cannot be read at all. */
  async readLog(): Promise<RecoveryReport | undefined> {
    return await this.#parts.log?.recover({
      snapshots: this.#positions,
      apply: (record) => this.#apply(record),
      restart: (key) => this.#restart(key),
      progress: (done, total) => {
        this.#parts.progress(50 + Math.floor((50 * done) / Math.max(1, total)))
      },
    })
  }

  /**
   * The shard is whole unless it was found damaged: false then. Otherwise it goes on from where
   * snapshot and log have brought it.
   */
  finish(keeper: ShardKeeper, report: RecoveryReport | undefined): boolean {
    const { key } = keeper.name
    const damage = report?.damageOf(key)
    if (damage !== undefined) {
      const { file, position: offset, reason: message } = damage
      this.#damage(keeper, { file, offset, message })
    }
    const position = report === undefined ? this.#positions.get(key) : report.position(key)
    const { epoch } = keeper.tenant.assignment
    if (position !== undefined && position.epoch > epoch) {
      const message = `its data is of epoch ${position.epoch}, the assignment of ${epoch}`
      this.#damage(keeper, { file: 'log', offset: position.offset, message })
    }
    if (this.#damaged.has(key)) return false
    keeper.resume(position, !this.#foreign.has(key))
    return true
  }

  async #load(keeper: ShardKeeper, progress: (share: number) => void): Promise<void> {
    const { disk, shelf, slices } = this.#parts
    const { name, tenant } = keeper
    const found = shelf.newest(name)
    if (found === undefined) return
    try {
      const { databases } = tenant.assignment
      const { aux } = await loadSnapshot({
        disk,
        slices,
        path: found.path,
        database: (index) => (index < databases ? tenant.database(index) : undefined),
        progress: (done, total) => progress(done / Math.max(1, total)),
        ...(found.expectedAux === undefined ? {} : { expectedAux: found.expectedAux }),
      })
      const position = positionIn(aux, name)
      if (position === undefined) this.#foreign.add(name.key)
      else this.#positions.set(name.key, position)
    } catch (error) {
      this.#damage(keeper, damageOf(error, found.path))
    }
  }

  #apply({ shardKey, database, buffer, start, end, offset }: RecoveredRecord): void {
    const keeper = this.#parts.keeper(shardKey)
    if (keeper === undefined || this.#damaged.has(shardKey)) return
    // A log of the shard's own outweighs a file that came from elsewhere, as in Redis.
    if (this.#foreign.delete(shardKey)) clear(keeper)
    try {
      this.#parts.replay.run(keeper.tenant, database, buffer, start, end)
    } catch (error) {
      if (!(error instanceof ReplayError)) throw error
      this.#damage(keeper, { file: 'log', offset, message: error.message })
    }
  }

  #restart(key: string): void {
    const keeper = this.#parts.keeper(key)
    if (keeper !== undefined) clear(keeper)
    this.#foreign.delete(key)
  }

  #damage(keeper: ShardKeeper, damage: ShardDamage): void {
    if (this.#damaged.has(keeper.name.key)) return
    this.#damaged.add(keeper.name.key)
    clear(keeper)
    this.#parts.damaged(keeper, damage)
  }
}

function clear({ tenant }: ShardKeeper): void {
  for (const [, database] of tenant.databases()) database.clear()
}

function damageOf(error: unknown, path: string): ShardDamage {
  if (error instanceof SnapshotError) {
    return { file: error.path, offset: error.offset, message: error.message }
  }
  if (isDiskError(error)) return { file: path, offset: 0, message: error.message }
  throw error
}
