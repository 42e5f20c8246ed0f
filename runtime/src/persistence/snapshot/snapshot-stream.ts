/**
 * The databases of one moment as the bytes of an RDB file, made in steps while they are written to.
 *
 * Entries come out in the order of the walks, those that are about to change before their turn, so
 * that databases alternate: SELECTDB may stand between any two keys.
 */
import type { Keyspace } from '../../engine/keyspace.ts'
import type { KeyspaceWalk } from '../../engine/keyspace-walk.ts'
import { bytesOf } from '../../engine/strings.ts'
import {
  writeAux,
  writeEnd,
  writeEntry,
  writeHeader,
  writeResize,
  writeSelect,
} from '../rdb/rdb-file.ts'
import { RdbOutput } from '../rdb/rdb-output.ts'

/** Aux fields, in order: one byte per character. */
export type AuxFields = Readonly<Record<string, string>>

/** Entries that are walked before the time is looked at. */
const STEP_ENTRIES = 16
const NO_DATABASE = -1

interface Source {
  readonly index: number
  readonly keys: number
  readonly expiring: number
  readonly walk: KeyspaceWalk
  isNamed: boolean
}

export class SnapshotStream {
  keyCount = 0
  readonly #output = new RdbOutput()
  readonly #sources: readonly Source[]
  #selected = NO_DATABASE
  #walking = 0
  #isEnded = false

  /** The moment is now. A database must not be in two snapshots at once. */
  constructor(databases: Iterable<readonly [index: number, db: Keyspace]>, aux: AuxFields) {
    writeHeader(this.#output)
    for (const [name, value] of Object.entries(aux)) writeAux(this.#output, name, value)
    this.#sources = [...databases]
      .filter(([, db]) => db.size > 0)
      .map(([index, db]) => this.#source(index, db))
  }

  /** Bytes that were written but not taken. */
  get waitingBytes(): number {
    return this.#output.waitingBytes
  }

  /** Walks some entries; false when all is written. */
  step(): boolean {
    const source = this.#sources[this.#walking]
    if (source === undefined) return this.#end()
    if (!source.walk.step(STEP_ENTRIES)) this.#walking++
    return true
  }

  /** The next bytes, up to `bytesMax`; undefined when none wait. */
  take(bytesMax: number): Buffer | undefined {
    return this.#output.take(bytesMax)
  }

  /** What stands behind the last byte. */
  checksum(): Buffer {
    return this.#output.checksum()
  }

  /** No more bytes are wanted. It must be stepped to its end all the same. */
  abandon(): void {
    for (const { walk } of this.#sources) walk.abandon()
  }

  /** The last byte was taken, or no more are wanted. */
  close(): void {
    for (const { walk } of this.#sources) walk.end()
  }

  #source(index: number, db: Keyspace): Source {
    const { size: keys, expiringCount: expiring } = db
    const walk = db.walk({
      visit: (entry) => this.#write(source, db, entry),
      onWrite: (entry) => this.#output.keep(bytesOf(db, entry, this.#output.scratch)),
    })
    const source: Source = { index, keys, expiring, walk, isNamed: false }
    return source
  }

  #write(source: Source, db: Keyspace, entry: number): void {
    if (this.#selected !== source.index) this.#select(source)
    writeEntry(this.#output, db, entry)
    this.keyCount++
  }

  #select(source: Source): void {
    this.#selected = source.index
    writeSelect(this.#output, source.index)
    if (!source.isNamed) writeResize(this.#output, source.keys, source.expiring)
    source.isNamed = true
  }

  #end(): boolean {
    if (!this.#isEnded) writeEnd(this.#output)
    this.#isEnded = true
    return false
  }
}
