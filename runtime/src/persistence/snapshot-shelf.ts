/** Where the snapshots of shards lie, what their names say, and which of them count. */
import type { Disk } from './disk.ts'
import type { LogPosition } from './log/log.ts'
import { UNFINISHED_SUFFIX } from './snapshot/snapshot.ts'
import type { AuxFields } from './snapshot/snapshot-stream.ts'

/** What a snapshot is of. */
export interface ShardName {
  readonly tenantUid: string
  readonly shard: number
  /** As the log names it. */
  readonly key: string
}

export interface Shelf {
  /** Before the first snapshot: the directory is there, nothing unfinished is. */
  prepare(): void
  /** The newest snapshot of the shard. */
  newest(name: ShardName): ShelvedSnapshot | undefined
  /** Keys of the shards that have snapshots. */
  keys(): Iterable<string>
  has(key: string): boolean
  pathFor(name: ShardName, position: LogPosition): string
  /** The snapshot at `path` is durable: older ones go. */
  keepOnly(key: string, path: string, position: LogPosition): void
  removeAll(key: string): void
}

export interface ShelvedSnapshot {
  readonly path: string
  /** Aux fields that it must have; undefined: it may come from elsewhere. */
  readonly expectedAux: AuxFields | undefined
}

const fieldNames = {
  tenant: 'miniredis-tenant',
  shard: 'miniredis-shard',
  epoch: 'miniredis-epoch',
  offset: 'miniredis-offset',
} as const

/** The fields that name the shard and where in its log the snapshot stands. */
export const positionFields = (
  { tenantUid, shard }: ShardName,
  { epoch, offset }: LogPosition,
): AuxFields => ({
  [fieldNames.tenant]: tenantUid,
  [fieldNames.shard]: String(shard),
  [fieldNames.epoch]: String(epoch),
  [fieldNames.offset]: String(offset),
})

/** Where a snapshot stands; undefined: it was written by another program, or for another shard. */
export function positionIn(aux: AuxFields, name: ShardName): LogPosition | undefined {
  const epoch = Number(aux[fieldNames.epoch])
  const offset = Number(aux[fieldNames.offset])
  const isOurs =
    aux[fieldNames.tenant] === name.tenantUid && aux[fieldNames.shard] === String(name.shard)
  return isOurs && Number.isSafeInteger(epoch) && Number.isSafeInteger(offset)
    ? { epoch, offset }
    : undefined
}

/** Snapshots of many shards in one directory: `<shard key>@<epoch>-<offset>.rdb`. */
export class DirectoryShelf implements Shelf {
  readonly #disk: Disk
  readonly #directory: string
  /** By shard key, newest first. Nobody else writes here. */
  readonly #files = new Map<string, FoundFile[]>()

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  prepare(): void {
    this.#disk.makeDirectory(this.#directory)
    for (const name of this.#disk.list(this.#directory)) {
      const path = `${this.#directory}/${name}`
      if (name.endsWith(UNFINISHED_SUFFIX)) this.#disk.remove(path)
      else this.#take(name, path)
    }
    for (const files of this.#files.values()) files.sort(newestFirst)
  }

  newest(name: ShardName): ShelvedSnapshot | undefined {
    const newest = this.#files.get(name.key)?.[0]
    if (newest === undefined) return undefined
    return { path: newest.path, expectedAux: positionFields(name, newest.position) }
  }

  keys(): Iterable<string> {
    return this.#files.keys()
  }

  has(key: string): boolean {
    return this.#files.has(key)
  }

  pathFor({ key }: ShardName, { epoch, offset }: LogPosition): string {
    return `${this.#directory}/${key}@${epoch}-${offset}.rdb`
  }

  keepOnly(key: string, path: string, position: LogPosition): void {
    const old = this.#files.get(key) ?? []
    this.#files.set(key, [{ path, position }])
    for (const file of old) if (file.path !== path) this.#disk.remove(file.path)
  }

  removeAll(key: string): void {
    for (const { path } of this.#files.get(key) ?? []) this.#disk.remove(path)
    if (this.#files.delete(key)) this.#disk.syncDirectory(this.#directory)
  }

  #take(name: string, path: string): void {
    const [, key, epoch, offset] = /^([0-9a-f]{32}-\d+)@(\d+)-(\d+)\.rdb$/.exec(name) ?? []
    if (key === undefined) return
    const file = { path, position: { epoch: Number(epoch), offset: Number(offset) } }
    this.#files.set(key, [...(this.#files.get(key) ?? []), file])
  }
}

interface FoundFile {
  readonly path: string
  readonly position: LogPosition
}

const newestFirst = (a: FoundFile, b: FoundFile): number =>
  b.position.epoch - a.position.epoch || b.position.offset - a.position.offset

/** One file for the one shard of a process, as redis-server has it: `dump.rdb`. */
export class SingleFileShelf implements Shelf {
  readonly #disk: Disk
  readonly #directory: string
  readonly #fileName: string

  constructor(disk: Disk, directory: string, fileName: string) {
    this.#disk = disk
    this.#directory = directory
    this.#fileName = fileName
  }

  prepare(): void {
    this.#disk.makeDirectory(this.#directory)
    this.#disk.remove(this.#path + UNFINISHED_SUFFIX)
  }

  newest(): ShelvedSnapshot | undefined {
    const isThere = this.#disk.list(this.#directory).includes(this.#fileName)
    return isThere ? { path: this.#path, expectedAux: undefined } : undefined
  }

  /** Whose the file is only its own fields say. */
  keys(): Iterable<string> {
    return []
  }

  has(): boolean {
    return false
  }

  pathFor(): string {
    return this.#path
  }

  keepOnly(): void {
    // The rename that published it has replaced the one before.
  }

  removeAll(): void {
    this.#disk.remove(this.#path)
  }

  get #path(): string {
    return `${this.#directory}/${this.#fileName}`
  }
}
