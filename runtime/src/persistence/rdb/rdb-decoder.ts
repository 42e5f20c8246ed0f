/**
 * Decodes an RDB file that arrives in chunks, one record at a time, and never more than it has.
 *
 * `push` chunks, then call `next` until it is starved; `finish` when no more come. What a record
 * said is in the fields until the next call. Nothing may be believed before `end`: only then has
 * the checksum been right.
 */
import { Bytes } from '../../engine/bytes.ts'
import { NO_EXPIRY } from '../../engine/entries.ts'
import { CRC64_BYTES, Crc64 } from './crc64.ts'
import {
  moduleParts,
  opcodes,
  RDB_HEADER_BYTES,
  RDB_MAGIC,
  RDB_VERSION_MAX,
  RDB_VERSION_MIN,
  typeNames,
} from './format.ts'
import { RdbError } from './rdb-error.ts'
import { INCOMPLETE, RdbReader } from './rdb-reader.ts'
import { type ValueType, valueTypes } from './value-types.ts'

/** `entry`: a key; `skipped`: something that is understood but not for the engine. */
export type RdbRecord =
  | 'header'
  | 'aux'
  | 'select'
  | 'resize'
  | 'entry'
  | 'skipped'
  | 'end'
  | 'starved'

const NO_CHECKSUM = Buffer.alloc(CRC64_BYTES)

export class RdbDecoder {
  /** `header`: the format's version. */
  version = 0
  /** `aux`: latin1. */
  auxName = ''
  auxValue = ''
  /** `select`, and from then on. */
  databaseIndex = 0
  /** `resize`: what the database will hold, as far as the writer knew. */
  keyCount = 0
  expiringCount = 0
  /** `entry`: valid until the next call. */
  readonly key = new Bytes()
  readonly value = new Bytes()
  type: ValueType = valueTypes[0]
  expiresAtMs = NO_EXPIRY
  /** `end`: whether there was a checksum; writers may leave it out. */
  hasChecksum = false
  readonly #reader = new RdbReader()
  readonly #crc = new Crc64()
  /** The last bytes that came, up to 8: they may be the checksum, which does not cover itself. */
  #tail: Buffer = Buffer.alloc(0)
  #isStarted = false
  #isEnded = false
  #isFinished = false

  /** Offset of the next record. */
  get offset(): number {
    return this.#reader.offset
  }

  /** More of the file. The chunk must not change until it has been read. */
  push(chunk: Buffer): void {
    if (this.#isEnded && chunk.length > 0) throw new RdbError(TRAILING, this.offset)
    this.#reader.push(chunk)
    this.#sum(chunk)
  }

  /** No more chunks will come. */
  finish(): void {
    this.#isFinished = true
  }

  /**
   * Reads the next record. `starved`: push more first.
   *
   * @throws RdbError naming the offset: bytes that make no sense, a wrong checksum, an early end.
   */
  next(): RdbRecord {
    if (this.#isEnded) return 'end'
    const reader = this.#reader
    if (!reader.advance()) return this.#starve()
    const start = reader.offset
    try {
      return this.#isStarted ? this.#record(reader.byte()) : this.#header()
    } catch (error) {
      if (error !== INCOMPLETE) throw error
      reader.rewind(start)
      return this.#starve()
    }
  }

  #starve(): RdbRecord {
    if (!this.#isFinished) return 'starved'
    throw new RdbError('the file ends in the middle', this.#reader.endOffset)
  }

  #header(): RdbRecord {
    const { value } = this
    this.#reader.raw(RDB_HEADER_BYTES, value)
    const header = value.buffer.toString('latin1', value.start, value.end)
    const version = /^\d{4}$/.test(header.slice(RDB_MAGIC.length))
      ? Number(header.slice(RDB_MAGIC.length))
      : Number.NaN
    if (!header.startsWith(RDB_MAGIC) || Number.isNaN(version)) {
      throw new RdbError('no RDB header', 0)
    }
    if (version < RDB_VERSION_MIN || version > RDB_VERSION_MAX) {
      throw new RdbError(
        `RDB version ${version}, where ${RDB_VERSION_MIN} to ${RDB_VERSION_MAX} can be read,`,
        0,
      )
    }
    this.version = version
    this.#isStarted = true
    return 'header'
  }

  #record(opcode: number): RdbRecord {
    const reader = this.#reader
    switch (opcode) {
      case opcodes.aux:
        return this.#aux()
      case opcodes.selectDb:
        this.databaseIndex = reader.length()
        return 'select'
      case opcodes.resizeDb:
        this.keyCount = reader.length()
        this.expiringCount = reader.length()
        return 'resize'
      case opcodes.eof:
        return this.#end()
      case opcodes.function:
      case opcodes.functionPreRelease:
      case opcodes.moduleAux:
      case opcodes.slotInfo:
        this.#skip(opcode)
        return 'skipped'
      default:
        return this.#entry(opcode)
    }
  }

  #aux(): RdbRecord {
    this.auxName = this.#text()
    this.auxValue = this.#text()
    return 'aux'
  }

  #text(): string {
    const { value } = this
    this.#reader.string(value)
    return value.buffer.toString('latin1', value.start, value.end)
  }

  /** What may stand before the type belongs to the key, then type, key and value. */
  #entry(first: number): RdbRecord {
    const reader = this.#reader
    let byte = first
    this.expiresAtMs = NO_EXPIRY
    for (; this.#attribute(byte); byte = reader.byte()) {}
    const type = valueTypes[byte]
    if (type === undefined) {
      const name = typeNames[byte]
      const what = name === undefined ? `unknown type ${byte}` : `type ${name} (${byte})`
      reader.fail(`a value of ${what}, which this version cannot hold,`, reader.offset - 1)
    }
    this.type = type
    reader.string(this.key)
    type.read(reader, this.value)
    return 'entry'
  }

  /** Whether the byte begins something said about the key that follows. */
  #attribute(byte: number): boolean {
    const reader = this.#reader
    switch (byte) {
      case opcodes.expireTimeMs:
        this.expiresAtMs = toExpiry(reader.int64())
        return true
      case opcodes.expireTime:
        this.expiresAtMs = toExpiry(reader.int32() * 1000)
        return true
      case opcodes.idle:
        reader.length()
        return true
      case opcodes.freq:
        reader.byte()
        return true
      default:
        return false
    }
  }

  #skip(opcode: number): void {
    const reader = this.#reader
    switch (opcode) {
      case opcodes.slotInfo:
        for (let part = 0; part < 3; part++) reader.length()
        break
      case opcodes.function:
        reader.skipString()
        break
      case opcodes.functionPreRelease:
        this.#skipPreReleaseFunction()
        break
      case opcodes.moduleAux:
        this.#skipModuleAux()
        break
    }
  }

  /** Name, engine, perhaps a description, code. */
  #skipPreReleaseFunction(): void {
    const reader = this.#reader
    reader.skipString()
    reader.skipString()
    if (reader.length() !== 0) reader.skipString()
    reader.skipString()
  }

  /** The module's id, when it was to be loaded, and parts that each say what they are. */
  #skipModuleAux(): void {
    const reader = this.#reader
    reader.skipLength()
    reader.length()
    reader.length()
    for (;;) {
      const offset = reader.offset
      const part = reader.length()
      if (part === moduleParts.end) return
      if (part === moduleParts.signed || part === moduleParts.unsigned) reader.skipLength()
      else if (part === moduleParts.float) reader.skip(4)
      else if (part === moduleParts.double) reader.skip(8)
      else if (part === moduleParts.string) reader.skipString()
      else reader.fail(`unknown part ${part} of a module's data`, offset)
    }
  }

  #end(): RdbRecord {
    const reader = this.#reader
    const covered = reader.offset
    const { value } = this
    reader.raw(CRC64_BYTES, value)
    if (reader.endOffset > reader.offset) throw new RdbError(TRAILING, reader.offset)
    this.hasChecksum = !value.buffer.subarray(value.start, value.end).equals(NO_CHECKSUM)
    if (this.hasChecksum && !this.#crc.equals(value.buffer, value.start)) {
      throw new RdbError('wrong checksum', covered)
    }
    this.#isEnded = true
    return 'end'
  }

  /** Sums up everything but the last 8 bytes that came. */
  #sum(chunk: Buffer): void {
    const fresh = chunk.length >= CRC64_BYTES ? chunk : Buffer.concat([this.#tail, chunk])
    if (fresh === chunk) this.#crc.update(this.#tail)
    const end = Math.max(0, fresh.length - CRC64_BYTES)
    this.#crc.update(fresh, 0, end)
    this.#tail = fresh.subarray(end)
  }
}

const TRAILING = 'bytes after the end'

/** Times up to the epoch are as over as its first millisecond; those beyond a double's are cut. */
const toExpiry = (atMs: number): number => Math.max(1, Math.min(Number.MAX_SAFE_INTEGER, atMs))
