/**
 * Redis' glob patterns, byte for byte as stringmatchlen in util.c, in time bounded by a budget.
 *
 *   ?  any byte · *  any run of bytes · [ab] [^a] [a-z]  one of, none of, a range · \x  x itself
 *
 * A star needs no recursion: whatever an earlier star took can stay as it is, so on a mismatch only
 * the last star takes one byte more. Bytes in ranges compare as signed, as C's char does.
 */

/** Steps after which a match is given up as none; only a hostile pattern on a long key needs more. */
export const GLOB_STEPS_MAX = 1_000_000

const STAR = 0x2a
const QUESTION = 0x3f
const OPEN = 0x5b
const CLOSE = 0x5d
const CARET = 0x5e
const DASH = 0x2d
const BACKSLASH = 0x5c

/** A pattern that was parsed out of a command's arguments; it keeps its own copy of the bytes. */
export class Glob {
  readonly #pattern: Uint8Array
  /** Whether it is a lone star, which matches even the empty key, as no other pattern of stars. */
  readonly matchesAll: boolean
  /** Where the pattern goes on after the class that `#matchesClass` read. */
  #afterClass = 0

  constructor(buffer: Uint8Array, start: number, end: number) {
    this.#pattern = buffer.slice(start, end)
    this.matchesAll = end - start === 1 && buffer[start] === STAR
  }

  /** Whether `buffer[start, end)` matches. */
  matches(buffer: Uint8Array, start: number, end: number): boolean {
    const length = this.#pattern.length
    if (this.matchesAll) return true
    if (start === end) return length === 0
    let at = 0
    let text = start
    let afterStar = -1
    let starText = 0
    for (let steps = 0; text < end; steps++) {
      if (steps > GLOB_STEPS_MAX) return false
      if (at < length && this.#pattern[at] === STAR) {
        at = this.#skipStars(at)
        if (at === length) return true
        afterStar = at
        starText = text
        continue
      }
      const next = at < length ? this.#matchOne(at, buffer[text]) : -1
      if (next >= 0) {
        at = next
        text++
      } else if (afterStar >= 0) {
        at = afterStar
        text = ++starText
      } else return false
    }
    return this.#skipStars(at) === length
  }

  #skipStars(from: number): number {
    let at = from
    while (at < this.#pattern.length && this.#pattern[at] === STAR) at++
    return at
  }

  /** Where the pattern goes on if its element at `at` takes `byte`; -1 if it does not. */
  #matchOne(at: number, byte: number): number {
    const pattern = this.#pattern
    switch (pattern[at]) {
      case QUESTION:
        return at + 1
      case OPEN:
        return this.#matchesClass(at + 1, byte) ? this.#afterClass : -1
      case BACKSLASH: {
        const literal = at + 1 < pattern.length ? at + 1 : at
        return pattern[literal] === byte ? literal + 1 : -1
      }
      default:
        return pattern[at] === byte ? at + 1 : -1
    }
  }

  #matchesClass(from: number, byte: number): boolean {
    const pattern = this.#pattern
    const length = pattern.length
    const isNegated = pattern[from] === CARET
    let at = isNegated ? from + 1 : from
    let found = false
    for (; at < length && pattern[at] !== CLOSE; at++) {
      if (pattern[at] === BACKSLASH && at + 1 < length) {
        at++
        if (pattern[at] === byte) found = true
      } else if (at + 2 < length && pattern[at + 1] === DASH) {
        if (isInRange(byte, pattern[at], pattern[at + 2])) found = true
        at += 2
      } else if (pattern[at] === byte) found = true
    }
    this.#afterClass = Math.min(at + 1, length)
    return found !== isNegated
  }
}

const signed = (byte: number): number => (byte << 24) >> 24

function isInRange(byte: number, first: number, last: number): boolean {
  const [low, high] = [Math.min(signed(first), signed(last)), Math.max(signed(first), signed(last))]
  return signed(byte) >= low && signed(byte) <= high
}
