/**
 * HalfSipHash-1-3: a keyed hash on 32-bit words, so that nobody who does not know the seed can
 * choose keys that collide. https://github.com/veorq/SipHash (Aumasson, Bernstein 2012).
 *
 * SipHash proper works on 64-bit words, which JavaScript has only as BigInt, thirty times slower.
 * The half version's 64-bit seed would be thin if its outputs were public: they are not, SCAN's
 * cursors are enciphered (scan-cursor.ts).
 */
const LENGTH_SHIFT = 24
const FINAL_WORD = 0xff
const ODD_START = 0x6c796765
const EVEN_START = 0x74656462

export class KeyHasher {
  readonly #seed0: number
  readonly #seed1: number

  /** `seed`: two secret 32-bit words, random per process. */
  constructor(seed: readonly [number, number]) {
    this.#seed0 = seed[0] | 0
    this.#seed1 = seed[1] | 0
  }

  /** The hash of `buffer[start, end)` as an int32. */
  hash(buffer: Uint8Array, start: number, end: number): number {
    let v0 = this.#seed0
    let v1 = this.#seed1
    let v2 = this.#seed0 ^ ODD_START
    let v3 = this.#seed1 ^ EVEN_START
    const tail = end - ((end - start) & 3)
    let at = start
    // Each round is written out: a call would have to return four numbers.
    for (; at < tail; at += 4) {
      const word =
        buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24)
      v3 ^= word
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= word
    }
    let last = (end - start) << LENGTH_SHIFT
    for (let shift = 0; at < end; at++, shift += 8) last |= buffer[at] << shift
    v3 ^= last
    // One compression round for the last word and three to finish.
    for (let round = 0; round < 4; round++) {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      if (round === 0) {
        v0 ^= last
        v2 ^= FINAL_WORD
      }
    }
    return v1 ^ v3
  }
}
