/**
 * CRC-64 as Redis has it: polynomial of Jones, reflected, beginning with 0, nothing inverted.
 *
 * Eight bytes at a time by eight tables (slicing-by-8), each number kept as two 32-bit halves,
 * since BigInt would cost a hundred times as much.
 */

/** The polynomial 0xad93d23594c935a9 with its bits reversed. */
const POLYNOMIAL_HIGH = 0x95ac9329 | 0
const POLYNOMIAL_LOW = 0xac4bc9b5 | 0
const TABLES = 8
export const CRC64_BYTES = 8

const lows = new Int32Array(TABLES * 256)
const highs = new Int32Array(TABLES * 256)
for (let byte = 0; byte < 256; byte++) {
  let low = byte
  let high = 0
  for (let bit = 0; bit < 8; bit++) {
    const isOdd = (low & 1) !== 0
    low = (low >>> 1) | (high << 31)
    high >>>= 1
    if (!isOdd) continue
    low ^= POLYNOMIAL_LOW
    high ^= POLYNOMIAL_HIGH
  }
  lows[byte] = low
  highs[byte] = high
}
for (let at = 256; at < TABLES * 256; at++) {
  const [low, high] = [lows[at - 256], highs[at - 256]]
  lows[at] = ((low >>> 8) | (high << 24)) ^ lows[low & 0xff]
  highs[at] = (high >>> 8) ^ highs[low & 0xff]
}

export class Crc64 {
  #low = 0
  #high = 0

  /** Takes in `buffer[start, end)`. */
  update(buffer: Uint8Array, start = 0, end = buffer.length): this {
    let low = this.#low
    let high = this.#high
    let at = start
    for (; at + 8 <= end; at += 8) {
      low ^= buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24)
      high ^=
        buffer[at + 4] | (buffer[at + 5] << 8) | (buffer[at + 6] << 16) | (buffer[at + 7] << 24)
      const a = 1792 + (low & 0xff)
      const b = 1536 + ((low >>> 8) & 0xff)
      const c = 1280 + ((low >>> 16) & 0xff)
      const d = 1024 + (low >>> 24)
      const e = 768 + (high & 0xff)
      const f = 512 + ((high >>> 8) & 0xff)
      const g = 256 + ((high >>> 16) & 0xff)
      const h = high >>> 24
      low = lows[a] ^ lows[b] ^ lows[c] ^ lows[d] ^ lows[e] ^ lows[f] ^ lows[g] ^ lows[h]
      high = highs[a] ^ highs[b] ^ highs[c] ^ highs[d] ^ highs[e] ^ highs[f] ^ highs[g] ^ highs[h]
    }
    for (; at < end; at++) {
      const index = (low ^ buffer[at]) & 0xff
      low = ((low >>> 8) | (high << 24)) ^ lows[index]
      high = (high >>> 8) ^ highs[index]
    }
    this.#low = low
    this.#high = high
    return this
  }

  /** The sum so far as files hold it: 8 bytes, little-endian. */
  write(target: Buffer, at: number): void {
    target.writeInt32LE(this.#low, at)
    target.writeInt32LE(this.#high, at + 4)
  }

  /** Whether the 8 bytes at `at` are the sum so far. */
  equals(buffer: Buffer, at: number): boolean {
    return buffer.readInt32LE(at) === this.#low && buffer.readInt32LE(at + 4) === this.#high
  }
}
