/**
 * RDB bytes on their way out: written in small pieces, taken in large ones, summed up on the way.
 *
 * Long strings are not copied when they are written but referred to, so that writing one takes no
 * time; `take` copies them piece by piece. Whoever changes such bytes before they are taken calls
 * `keep` first. Bytes that are given up rather than changed (a block that is freed) need nothing:
 * the reference holds them.
 */
import { Bytes, copyBytes } from '../../engine/bytes.ts'
import { parseInteger } from '../../protocol/numbers.ts'
import { Crc64 } from './crc64.ts'
import { lengths, stringEncodings } from './format.ts'

/** Bytes of a piece that is being filled. */
const PIECE_BYTES = 64 * 1024
/** Longer strings are referred to. Shorter ones may share their buffer with others. */
export const COPIED_BYTES_MAX = 64 * 1024
/** Integers of more characters than this never fit 32 bits. */
const INTEGER_CHARACTERS_MAX = 11

interface Piece {
  buffer: Buffer
  start: number
  end: number
  readonly isBorrowed: boolean
}

export class RdbOutput {
  /** For those who write values: the bytes of one, not anybody else's. */
  readonly scratch = new Bytes()
  readonly #pieceBytes: number
  readonly #crc = new Crc64()
  readonly #pieces: Piece[] = []
  #first = 0
  #piece: Buffer
  #length = 0
  #waitingBytes = 0

  /** A small output, such as one value's, is made with a small piece. */
  constructor(pieceBytes = PIECE_BYTES) {
    this.#pieceBytes = pieceBytes
    this.#piece = Buffer.allocUnsafe(pieceBytes)
  }

  /** Bytes written but not taken. */
  get waitingBytes(): number {
    return this.#waitingBytes + this.#length
  }

  byte(value: number): void {
    const at = this.#reserve(1)
    this.#piece[at] = value
  }

  /** A length below 2^53: 6, 14, 32 or 64 bits. */
  length(value: number): void {
    if (value < 64) this.byte(value)
    else if (value < 16_384) {
      this.byte((lengths.bits14 << 6) | (value >> 8))
      this.byte(value & 0xff)
    } else if (value < 2 ** 32) {
      this.byte(lengths.bits32)
      const at = this.#reserve(4)
      this.#piece.writeUInt32BE(value, at)
    } else {
      this.byte(lengths.bits64)
      const at = this.#reserve(8)
      this.#piece.writeUInt32BE(Math.floor(value / 2 ** 32), at)
      this.#piece.writeUInt32BE(value % 2 ** 32, at + 4)
    }
  }

  /** Milliseconds since the epoch: an int64, little-endian. */
  time(atMs: number): void {
    const at = this.#reserve(8)
    this.#piece.writeUInt32LE(atMs % 2 ** 32, at)
    this.#piece.writeUInt32LE(Math.floor(atMs / 2 ** 32), at + 4)
  }

  uint16(value: number): void {
    const at = this.#reserve(2)
    this.#piece.writeUInt16LE(value, at)
  }

  /** `buffer[start, end)` as a string, or as the integer that it spells. */
  string(buffer: Buffer, start: number, end: number): void {
    const length = end - start
    if (length <= INTEGER_CHARACTERS_MAX) {
      const value = spelledInteger(buffer, start, end)
      if (value !== undefined) {
        this.#integer(value)
        return
      }
    }
    this.length(length)
    if (length > COPIED_BYTES_MAX) this.#borrow(buffer, start, end)
    else {
      const at = this.#reserve(length)
      copyBytes(this.#piece, at, buffer, start, end)
    }
  }

  /** An integer as a string value: encoded if it fits 32 bits, else its digits. */
  integerString(value: number): void {
    if ((value | 0) === value) this.#integer(value)
    else this.text(String(value))
  }

  /** One byte per character, always as a string. */
  text(text: string): void {
    this.length(text.length)
    this.raw(text)
  }

  raw(text: string): void {
    const at = this.#reserve(text.length)
    this.#piece.write(text, at, 'latin1')
  }

  /**
   * The next bytes, up to `bytesMax`, copied so that they are the caller's and summed up; undefined
   * when there are none.
   */
  take(bytesMax: number): Buffer | undefined {
    if (this.#first === this.#pieces.length) this.#seal()
    const piece = this.#pieces[this.#first]
    if (piece === undefined) return undefined
    const end = Math.min(piece.end, piece.start + bytesMax)
    const whole = piece.buffer.subarray(piece.start, end)
    const taken = piece.isBorrowed ? Buffer.from(whole) : whole
    this.#crc.update(taken)
    this.#waitingBytes -= taken.length
    piece.start = end
    if (end === piece.end) this.#drop()
    return taken
  }

  /** Everything that waits, in one buffer. */
  takeAll(): Buffer {
    const pieces: Buffer[] = []
    for (;;) {
      const piece = this.take(Number.POSITIVE_INFINITY)
      if (piece === undefined) return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)
      pieces.push(piece)
    }
  }

  /** The sum of all that was taken: 8 bytes. */
  checksum(): Buffer {
    const sum = Buffer.allocUnsafe(8)
    this.#crc.write(sum, 0)
    return sum
  }

  /** The bytes of `value` are about to change: what waits of them is copied now. */
  keep(value: Bytes): void {
    if (value.length <= COPIED_BYTES_MAX) return
    for (let index = this.#first; index < this.#pieces.length; index++) {
      const piece = this.#pieces[index]
      if (!piece.isBorrowed || piece.buffer !== value.buffer) continue
      const copy = Buffer.from(piece.buffer.subarray(piece.start, piece.end))
      this.#pieces[index] = { buffer: copy, start: 0, end: copy.length, isBorrowed: false }
    }
  }

  #integer(value: number): void {
    if (value >= -128 && value <= 127) {
      this.#encoded(stringEncodings.int8)
      const at = this.#reserve(1)
      this.#piece.writeInt8(value, at)
    } else if (value >= -32_768 && value <= 32_767) {
      this.#encoded(stringEncodings.int16)
      const at = this.#reserve(2)
      this.#piece.writeInt16LE(value, at)
    } else {
      this.#encoded(stringEncodings.int32)
      const at = this.#reserve(4)
      this.#piece.writeInt32LE(value, at)
    }
  }

  #encoded(encoding: number): void {
    this.byte((lengths.encoded << 6) | encoding)
  }

  #borrow(buffer: Buffer, start: number, end: number): void {
    this.#seal()
    this.#pieces.push({ buffer, start, end, isBorrowed: true })
    this.#waitingBytes += end - start
  }

  /** Room for `bytes` in the piece, which may be another one then: where they go. */
  #reserve(bytes: number): number {
    if (this.#length + bytes > this.#piece.length) {
      this.#seal()
      if (bytes > this.#piece.length) this.#piece = Buffer.allocUnsafe(bytes)
    }
    const at = this.#length
    this.#length += bytes
    return at
  }

  #seal(): void {
    if (this.#length === 0) return
    this.#pieces.push({ buffer: this.#piece, start: 0, end: this.#length, isBorrowed: false })
    this.#waitingBytes += this.#length
    this.#piece = Buffer.allocUnsafe(this.#pieceBytes)
    this.#length = 0
  }

  /** The first piece is taken. Now and then the list forgets those that were. */
  #drop(): void {
    this.#first++
    if (this.#first < 64 && this.#first < this.#pieces.length) return
    this.#pieces.splice(0, this.#first)
    this.#first = 0
  }
}

/** The integer of at most 32 bits that the bytes spell as Redis would print it. */
function spelledInteger(buffer: Buffer, start: number, end: number): number | undefined {
  const value = parseInteger(buffer, start, end)
  return (value | 0) === value ? value : undefined
}
