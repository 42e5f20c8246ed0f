/**
 * What SCAN shows of where it stands: the rank of the next key, enciphered.
 *
 * A rank is the hash of a key the client chose. Shown as it is, it would be an oracle on the hash's
 * seed. The cipher is a four-round Feistel network on 32 bits, a bijection, so nothing is stored.
 */
import { RANK_END } from './segment.ts'

const MULTIPLIER = 0x9e3779b1
const ROUNDS = 4
const HALF = 0xffff

export class ScanCursor {
  readonly #keys: readonly number[]

  constructor(seed: readonly [number, number]) {
    const [first, second] = [Math.imul(seed[0], MULTIPLIER), Math.imul(seed[1], MULTIPLIER)]
    this.#keys = [first >>> 16, second >>> 16, first & HALF, second & HALF]
  }

  /** The cursor for a rank that SCAN goes on from: 1 to 2^32; 0 when there is nothing left. */
  encode(rank: number): number {
    if (rank >= RANK_END) return 0
    let left = rank >>> 16
    let right = rank & HALF
    for (let round = 0; round < ROUNDS; round++) {
      ;[left, right] = [right, left ^ this.#mix(right, round)]
    }
    return left * 0x10000 + right + 1
  }

  /** The rank that a cursor stands for; 0 starts over. Numbers that are no cursor end the scan. */
  decode(cursor: number): number {
    if (cursor === 0) return 0
    if (cursor > RANK_END) return RANK_END
    let left = Math.floor((cursor - 1) / 0x10000)
    let right = (cursor - 1) & HALF
    for (let round = ROUNDS - 1; round >= 0; round--) {
      ;[left, right] = [right ^ this.#mix(left, round), left]
    }
    return left * 0x10000 + right
  }

  #mix(half: number, round: number): number {
    const mixed = Math.imul(half + this.#keys[round] + round, MULTIPLIER)
    return (mixed ^ (mixed >>> 15)) & HALF
  }
}
