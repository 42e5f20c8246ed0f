/**
 * The bytes of replies on their way to the peer: one growing buffer for all connections of a
 * process, used by one turn at a time, and chunks of their own for large values.
 *
 *   chunks[0] (sealed)      chunks[1] (large value)   bytes[sealedBytes..length] (open)
 *
 * A large value is copied once, out of the arena into a chunk that the socket may keep.
 */

const INITIAL_BYTES = 64 * 1024
/** Longer views are made anew each time. */
const VIEW_BYTES_MAX = 4096
/** A value of at least so many bytes gets a chunk of its own. */
export const LARGE_VALUE_BYTES = 32 * 1024
/** Below this a loop beats the call of a native copy. */
const LOOP_BYTES_MAX = 48

const ZERO = 0x30
const MINUS = 0x2d

export class ReplyBuffer {
  bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  /** Bytes of `bytes` in use. */
  length = 0
  /** Bytes of `bytes` that belong to `chunks`. */
  sealedBytes = 0
  readonly chunks: Buffer[] = []
  /** Set when a turn wrote more than `totalBytesMax`: the rest was dropped, the stream is broken. */
  hasOverflowed = false
  totalBytesMax = Number.POSITIVE_INFINITY
  #chunkBytes = 0
  /** Views of `bytes` from its front, by their length. */
  #views: Buffer[] = []

  get totalBytes(): number {
    return this.#chunkBytes + this.length - this.sealedBytes
  }

  /**
   * The first `length` open bytes, to be sent. Small views are kept, since the same lengths come
   * again and again and a view costs more than the bytes in it.
   */
  view(length: number): Buffer {
    if (length > VIEW_BYTES_MAX) return this.bytes.subarray(0, length)
    let view = this.#views[length]
    if (view === undefined) {
      view = this.bytes.subarray(0, length)
      this.#views[length] = view
    }
    return view
  }

  /** Empty again, ready for the next turn. */
  reset(): void {
    this.length = 0
    this.sealedBytes = 0
    this.#chunkBytes = 0
    this.hasOverflowed = false
    if (this.chunks.length > 0) this.chunks.length = 0
    if (this.bytes.length > 16 * INITIAL_BYTES) this.replace()
  }

  /** The socket keeps the present buffer: go on with a fresh one. */
  replace(): void {
    this.#use(Buffer.allocUnsafeSlow(INITIAL_BYTES))
    this.length = 0
    this.sealedBytes = 0
  }

  #use(bytes: Buffer): void {
    this.bytes = bytes
    this.#views = []
  }

  /** Makes the open bytes a chunk too and returns all of them in order. */
  seal(): readonly Buffer[] {
    this.#sealOpen()
    return this.chunks
  }

  #sealOpen(): void {
    if (this.length === this.sealedBytes) return
    this.chunks.push(this.bytes.subarray(this.sealedBytes, this.length))
    this.#chunkBytes += this.length - this.sealedBytes
    this.sealedBytes = this.length
  }

  /** Makes room for `count` bytes at `length`. */
  reserve(count: number): void {
    if (this.length + count > this.bytes.length) this.#grow(count)
  }

  #grow(count: number): void {
    if (this.#chunkBytes + this.length - this.sealedBytes + count > this.totalBytesMax) {
      this.hasOverflowed = true
      this.length = this.sealedBytes
    }
    const open = this.length - this.sealedBytes
    const capacity = Math.max(2 * this.bytes.length, open + count)
    const larger = Buffer.allocUnsafeSlow(Math.min(capacity, 2 * (open + count) + INITIAL_BYTES))
    this.bytes.copy(larger, 0, this.sealedBytes, this.length)
    this.#use(larger)
    this.length = open
    this.sealedBytes = 0
  }

  /** Appends bytes as they are. */
  append(source: Uint8Array, start: number, end: number): void {
    const count = end - start
    if (count >= LARGE_VALUE_BYTES) {
      this.#appendChunk(source, start, end)
      return
    }
    this.reserve(count)
    const { bytes } = this
    let to = this.length
    if (count <= LOOP_BYTES_MAX) for (let at = start; at < end; at++) bytes[to++] = source[at]
    else bytes.set(source.subarray(start, end), to)
    this.length += count
  }

  #appendChunk(source: Uint8Array, start: number, end: number): void {
    if (this.totalBytes + end - start > this.totalBytesMax) {
      this.hasOverflowed = true
      return
    }
    this.#sealOpen()
    const chunk = Buffer.allocUnsafeSlow(end - start)
    chunk.set(source.subarray(start, end))
    this.chunks.push(chunk)
    this.#chunkBytes += chunk.length
  }

  /** Appends one byte per character. */
  appendText(text: string): void {
    const count = text.length
    this.reserve(count)
    if (count <= LOOP_BYTES_MAX) {
      const { bytes, length } = this
      for (let at = 0; at < count; at++) bytes[length + at] = text.charCodeAt(at)
    } else {
      this.bytes.write(text, this.length, 'latin1')
    }
    this.length += count
  }

  /** `<type><value>\r\n`, the shape of integers, lengths and counts. `value` within ±2^53. */
  appendLine(type: number, value: number): void {
    this.reserve(24)
    this.bytes[this.length++] = type
    this.appendDecimal(value)
    this.endLine()
  }

  endLine(): void {
    this.reserve(2)
    const { bytes, length } = this
    bytes[length] = 13
    bytes[length + 1] = 10
    this.length = length + 2
  }

  /** The digits of an integer within ±2^53. Room for 20 bytes must be reserved. */
  appendDecimal(value: number): void {
    const { bytes } = this
    if (value >= 0 && value < 10) {
      bytes[this.length++] = ZERO + value
      return
    }
    let rest = value
    if (rest < 0) {
      bytes[this.length++] = MINUS
      rest = -rest
    }
    const digits = decimalDigits(rest)
    this.length += digits
    let at = this.length
    while (rest > 0x7fffffff) {
      const next = Math.floor(rest / 10)
      bytes[--at] = ZERO + (rest - next * 10)
      rest = next
    }
    let small = rest | 0
    do {
      const next = (small / 10) | 0
      bytes[--at] = ZERO + (small - next * 10)
      small = next
    } while (small > 0)
  }
}

/** Decimal digits of an integer from 0 to 2^53. */
export function decimalDigits(value: number): number {
  let digits = 1
  for (let bound = 10; value >= bound; bound *= 10) digits++
  return digits
}
