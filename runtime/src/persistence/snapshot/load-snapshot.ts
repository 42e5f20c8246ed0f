/** Reads an RDB file into databases, in slices. */

import type { Bytes } from '../../engine/bytes.ts'
import { type Keyspace, NO_EXPIRY, NONE } from '../../engine/keyspace.ts'
import type { Disk, DiskFile } from '../disk.ts'
import { RdbDecoder } from '../rdb/rdb-decoder.ts'
import { RdbError } from '../rdb/rdb-error.ts'
import type { Slices } from './slices.ts'
import type { AuxFields } from './snapshot-stream.ts'

export interface LoadOptions {
  readonly disk: Disk
  readonly path: string
  /** The database of this index, which is empty; undefined: there is none. */
  readonly database: (index: number) => Keyspace | undefined
  readonly slices: Slices
  /** Aux fields that must be there with these values: the file is of this shard and no other. */
  readonly expectedAux?: AuxFields
  /** Keys whose time is not later are left out. Only for files that no log follows. */
  readonly dropExpiredAtMs?: number
  readonly progress?: (bytesDone: number, bytesTotal: number) => void
}

export interface LoadResult {
  readonly version: number
  readonly aux: AuxFields
  readonly keys: number
  /** Keys left out, see `dropExpiredAtMs`. */
  readonly expiredKeys: number
  readonly bytes: number
}

/** A file that cannot be loaded: its name, what is wrong, and at which offset. */
export class SnapshotError extends Error {
  readonly path: string
  readonly offset: number

  constructor(path: string, cause: RdbError) {
    super(`${path}: ${cause.message}`, { cause })
    this.name = 'SnapshotError'
    this.path = path
    this.offset = cause.offset
  }
}

const READ_BYTES = 256 * 1024
/** More aux fields, and longer ones, are passed over. */
const AUX_FIELDS_MAX = 64
const AUX_BYTES_MAX = 1024
/** Nothing expires while it is loaded. */
const BEFORE_ALL_TIMES = 0
/** Records between two looks at the clock. */
const RECORDS_PER_LOOK = 32

/**
 * Fills the databases from the file. Rejects with a SnapshotError when the file is not whole and
 * right in every byte, or with what the disk said; the databases are then empty again.
 */
export async function loadSnapshot(options: LoadOptions): Promise<LoadResult> {
  const file = options.disk.open(options.path, 'read')
  const loader = new Loader(options)
  try {
    const bytes = await readAll(file, loader, options)
    return { ...loader.result(), bytes }
  } catch (error) {
    loader.discard()
    throw error instanceof RdbError ? new SnapshotError(options.path, error) : error
  } finally {
    file.close()
  }
}

async function readAll(file: DiskFile, loader: Loader, options: LoadOptions): Promise<number> {
  const { slices, progress } = options
  const total = file.size()
  for (let position = 0; ; ) {
    slices.begin()
    const chunk = Buffer.allocUnsafe(Math.max(1, Math.min(READ_BYTES, total - position)))
    const count = file.read(chunk, position)
    position += count
    if (count === 0) loader.finish()
    else loader.push(chunk.subarray(0, count))
    while (loader.work(slices)) {
      await slices.pause()
      slices.begin()
    }
    progress?.(position, total)
    if (count === 0) return position
    if (slices.isOver()) await slices.pause()
  }
}

/** Applies records as they are decoded. */
class Loader {
  readonly #options: LoadOptions
  readonly #decoder = new RdbDecoder()
  readonly #aux = new Map<string, string>()
  readonly #filled = new Set<Keyspace>()
  #db: Keyspace | undefined
  #keys = 0
  #expiredKeys = 0
  #isChecked = false

  constructor(options: LoadOptions) {
    this.#options = options
  }

  push(chunk: Buffer): void {
    this.#decoder.push(chunk)
  }

  finish(): void {
    this.#decoder.finish()
  }

  result(): Omit<LoadResult, 'bytes'> {
    return {
      version: this.#decoder.version,
      aux: Object.fromEntries(this.#aux),
      keys: this.#keys,
      expiredKeys: this.#expiredKeys,
    }
  }

  discard(): void {
    for (const db of this.#filled) db.clear()
  }

  /** Applies what there is until the slice is over; false when more bytes are needed, or none. */
  work(slices: Slices): boolean {
    for (;;) {
      for (let count = 0; count < RECORDS_PER_LOOK; count++) if (!this.#applyNext()) return false
      if (slices.isOver()) return true
    }
  }

  #applyNext(): boolean {
    const decoder = this.#decoder
    const offset = decoder.offset
    switch (decoder.next()) {
      case 'starved':
        return false
      case 'end':
        this.#checkEnd(offset)
        return false
      case 'aux':
        this.#noteAux(decoder.auxName, decoder.auxValue)
        return true
      case 'select':
        this.#select(decoder.databaseIndex, offset)
        return true
      case 'entry':
        this.#store(offset)
        return true
      case 'header':
      case 'resize':
      case 'skipped':
        return true
    }
  }

  #noteAux(name: string, value: string): void {
    if (this.#aux.size >= AUX_FIELDS_MAX || name.length + value.length > AUX_BYTES_MAX) return
    this.#aux.set(name, value)
  }

  /** Aux fields come first: what is not of this shard is refused before its keys are read. */
  #checkAux(offset: number): void {
    if (this.#isChecked) return
    this.#isChecked = true
    for (const [name, expected] of Object.entries(this.#options.expectedAux ?? {})) {
      const found = this.#aux.get(name)
      if (found === expected) continue
      throw new RdbError(
        `field ${name} is ${found ?? 'missing'} where ${expected} belongs,`,
        offset,
      )
    }
  }

  /** A file of our own always has a checksum; another's may lack it. */
  #checkEnd(offset: number): void {
    this.#checkAux(offset)
    if (this.#options.expectedAux === undefined || this.#decoder.hasChecksum) return
    throw new RdbError('no checksum', offset)
  }

  #select(index: number, offset: number): void {
    this.#checkAux(offset)
    this.#db = this.#options.database(index)
    if (this.#db === undefined) throw new RdbError(`no database ${index}, which begins`, offset)
    this.#filled.add(this.#db)
  }

  #store(offset: number): void {
    if (this.#db === undefined) this.#select(0, offset)
    const { key, value, type, expiresAtMs } = this.#decoder
    const db = this.#db
    if (db === undefined) return
    if (this.#isExpired(expiresAtMs)) {
      this.#expiredKeys++
      return
    }
    const taken = keyOf(db, key)
    if (db.lookupWrite(taken, BEFORE_ALL_TIMES) !== NONE)
      throw new RdbError('the same key twice', offset)
    type.store(db, taken, NONE, value, expiresAtMs)
    this.#keys++
  }

  #isExpired(expiresAtMs: number): boolean {
    const limitMs = this.#options.dropExpiredAtMs
    return limitMs !== undefined && expiresAtMs !== NO_EXPIRY && expiresAtMs <= limitMs
  }
}

const keyOf = (db: Keyspace, { buffer, start, end }: Bytes) =>
  db.host.key.takeBytes(db.host.hasher, buffer, start, end)
