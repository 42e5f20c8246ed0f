/**
 * Reads the primitives of RDB from bytes that arrive in chunks.
 *
 * A read for which bytes are missing throws INCOMPLETE; the caller rewinds to the beginning of what
 * it was reading and tries again when there is more. `push` only keeps the chunks: they are joined
 * once as many have come as the last read missed, so that no length, however large, costs more
 * memory than the data that really came.
 */
import type { Bytes } from '../../engine/bytes.ts'
import { lengths, RDB_STRING_BYTES_MAX, stringEncodings } from './format.ts'
import { canExpandTo, decompressLzf } from './lzf.ts'
import { RdbError } from './rdb-error.ts'

/** Thrown when the bytes end in the middle of what is read. Says nothing about where it is caught. */
export const INCOMPLETE: unique symbol = Symbol('incomplete')

const NOT_ENCODED = -1

export class RdbReader {
  #buffer: Buffer = Buffer.alloc(0)
  #at = 0
  /** Offset of the buffer's first byte in the whole. */
  #base = 0
  readonly #chunks: Buffer[] = []
  #chunkBytes = 0
  /** Bytes from `#at` on without which trying again is no use. */
  #wantedBytes = 0
  /** Set by `length`: how the string that follows is encoded. */
  #encoding = NOT_ENCODED

  /** Offset of the next byte to be read. */
  get offset(): number {
    return this.#base + this.#at
  }

  /** Offset where the bytes that came so far end. */
  get endOffset(): number {
    return this.#base + this.#buffer.length + this.#chunkBytes
  }

  /** More bytes, which must not change until they have been read. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#chunkBytes += chunk.length
  }

  /** Whether a read may succeed. Bytes read before are given up: what pointed to them ends. */
  advance(): boolean {
    const left = this.#buffer.length - this.#at
    if (left + this.#chunkBytes < Math.max(1, this.#wantedBytes)) return false
    if (left < Math.max(1, this.#wantedBytes)) this.#join(left)
    this.#wantedBytes = 0
    return true
  }

  /** Goes back to `offset`, where an incomplete read began. */
  rewind(offset: number): void {
    this.#wantedBytes += this.offset - offset
    this.#at = offset - this.#base
  }

  fail(reason: string, offset = this.offset): never {
    throw new RdbError(reason, offset)
  }

  byte(): number {
    return this.#buffer[this.#take(1)]
  }

  uint16(): number {
    return this.#buffer.readUInt16LE(this.#take(2))
  }

  skip(bytes: number): void {
    this.#take(bytes)
  }

  /** The next `bytes` bytes, valid until the next `advance`. */
  raw(bytes: number, into: Bytes): Bytes {
    const at = this.#take(bytes)
    return into.set(this.#buffer, at, at + bytes)
  }

  int32(): number {
    return this.#buffer.readInt32LE(this.#take(4))
  }

  /** A signed 64-bit integer as the nearest double. */
  int64(): number {
    const at = this.#take(8)
    return this.#buffer.readInt32LE(at + 4) * 2 ** 32 + this.#buffer.readUInt32LE(at)
  }

  /** A length or unsigned integer, up to 2^53. */
  length(): number {
    const offset = this.offset
    const length = this.#lengthOrEncoding()
    if (this.#encoding !== NOT_ENCODED)
      this.fail('an encoded string where a length belongs', offset)
    return length
  }

  /** Passes over a length or unsigned integer of up to 64 bits. */
  skipLength(): void {
    const first = this.byte()
    if (first === lengths.bits64) this.skip(8)
    else if (first === lengths.bits32) this.skip(4)
    else if (first >> 6 === lengths.bits14) this.skip(1)
    else if (first >> 6 !== 0) this.fail(`unknown length encoding ${first}`, this.offset - 1)
  }

  /** A string in whatever encoding. Valid until the next `advance`. */
  string(into: Bytes): Bytes {
    const offset = this.offset
    const length = this.#lengthOrEncoding()
    switch (this.#encoding) {
      case NOT_ENCODED:
        return this.raw(this.#checked(length, offset), into)
      case stringEncodings.int8:
        return into.setText(String(this.#buffer.readInt8(this.#take(1))))
      case stringEncodings.int16:
        return into.setText(String(this.#buffer.readInt16LE(this.#take(2))))
      case stringEncodings.int32:
        return into.setText(String(this.int32()))
      case stringEncodings.lzf:
        return this.#compressed(into, offset)
      default:
        return this.fail(`unknown string encoding ${this.#encoding}`, offset)
    }
  }

  skipString(): void {
    const offset = this.offset
    const length = this.#lengthOrEncoding()
    if (this.#encoding === NOT_ENCODED) {
      this.skip(this.#checked(length, offset))
      return
    }
    if (this.#encoding > stringEncodings.lzf) {
      this.fail(`unknown string encoding ${this.#encoding}`, offset)
    }
    if (this.#encoding < stringEncodings.lzf) {
      this.skip(1 << this.#encoding)
      return
    }
    const compressedBytes = this.#checked(this.length(), offset)
    this.length()
    this.skip(compressedBytes)
  }

  #compressed(into: Bytes, offset: number): Bytes {
    const compressedBytes = this.#checked(this.length(), offset)
    const bytes = this.#checked(this.length(), offset)
    if (!canExpandTo(compressedBytes, bytes)) {
      this.fail(`${compressedBytes} compressed bytes cannot become ${bytes}`, offset)
    }
    const start = this.#take(compressedBytes)
    const target = Buffer.allocUnsafe(bytes)
    if (!decompressLzf(this.#buffer, start, start + compressedBytes, target)) {
      this.fail('bad compressed string', offset)
    }
    return into.set(target, 0, bytes)
  }

  #checked(bytes: number, offset: number): number {
    if (bytes <= RDB_STRING_BYTES_MAX) return bytes
    return this.fail(`a string of ${bytes} bytes, longer than any may be,`, offset)
  }

  /** A length; or 0 with `#encoding` set. */
  #lengthOrEncoding(): number {
    const offset = this.offset
    const first = this.byte()
    this.#encoding = NOT_ENCODED
    switch (first >> 6) {
      case 0:
        return first
      case lengths.bits14:
        return ((first & 0x3f) << 8) | this.byte()
      case lengths.encoded:
        this.#encoding = first & 0x3f
        return 0
      default:
        return this.#longLength(first, offset)
    }
  }

  #longLength(first: number, offset: number): number {
    if (first === lengths.bits32) return this.#buffer.readUInt32BE(this.#take(4))
    if (first !== lengths.bits64) this.fail(`unknown length encoding ${first}`, offset)
    const at = this.#take(8)
    const length = this.#buffer.readUInt32BE(at) * 2 ** 32 + this.#buffer.readUInt32BE(at + 4)
    if (!Number.isSafeInteger(length)) this.fail('a length beyond 2^53', offset)
    return length
  }

  /** Where the next `bytes` bytes are in the buffer; they count as read. */
  #take(bytes: number): number {
    const at = this.#at
    if (at + bytes > this.#buffer.length) {
      this.#wantedBytes = bytes
      throw INCOMPLETE
    }
    this.#at = at + bytes
    return at
  }

  #join(left: number): void {
    this.#base += this.#at
    const rest = this.#buffer.subarray(this.#at)
    const chunks = left === 0 ? this.#chunks : [rest, ...this.#chunks]
    this.#buffer = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
    this.#at = 0
    this.#chunks.length = 0
    this.#chunkBytes = 0
  }
}
