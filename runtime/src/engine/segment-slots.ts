/** Reading and moving the slots of one segment, given its words and where in them it begins. */
import { HEADER_WORDS, homeOf, LAYOUT, SLOT_WORDS, SLOTS } from './segment.ts'

/** No entry. */
export const NONE = 0

/** A run of slots to be copied: the words, where it begins, where it ends. */
export type Span = readonly [words: Int32Array, from: number, to: number]

/** Word index of the home slot of `hash` in the segment at `base`. */
export function homeAt(words: Int32Array, base: number, hash: number): number {
  return base + HEADER_WORDS + homeOf(hash, words[base + LAYOUT]) * SLOT_WORDS
}

export const clearSlots = (words: Int32Array, base: number): void => {
  words.fill(NONE, base + HEADER_WORDS, endOf(words, base))
}

export const endOf = (words: Int32Array, base: number): number =>
  base + HEADER_WORDS + words[base + SLOTS] * SLOT_WORDS

export const spanOf = (words: Int32Array, base: number): Span => [
  words,
  base + HEADER_WORDS,
  endOf(words, base),
]

/** Word index of the slot that holds `entry`, which must be there. */
export function slotOf(words: Int32Array, base: number, hash: number, entry: number): number {
  let at = homeAt(words, base, hash)
  while (words[at + 1] !== entry) {
    if (words[at + 1] === NONE) throw new Error(`entry ${entry} is not in the table`)
    at += SLOT_WORDS
  }
  return at
}

/** Moves what was displaced past the slot `at` back by one, up to the first that is at home. */
export function closeGap(words: Int32Array, base: number, at: number): void {
  let gap = at
  let next = at + SLOT_WORDS
  while (words[next + 1] !== NONE && homeAt(words, base, words[next]) < next) {
    words[gap] = words[next]
    words[gap + 1] = words[next + 1]
    gap = next
    next += SLOT_WORDS
  }
  words[gap + 1] = NONE
}

export function countUsed([words, from, to]: Span): number {
  let used = 0
  for (let at = from; at < to; at += SLOT_WORDS) if (words[at + 1] !== NONE) used++
  return used
}

/** Lays the spans out in an empty segment; false when the last slot would not stay empty. */
export function fill(words: Int32Array, base: number, spans: readonly Span[]): boolean {
  const last = endOf(words, base) - SLOT_WORDS
  let free = base + HEADER_WORDS
  for (const [source, from, to] of spans) {
    for (let at = from; at < to; at += SLOT_WORDS) {
      if (source[at + 1] === NONE) continue
      const target = Math.max(free, homeAt(words, base, source[at]))
      if (target >= last) return false
      words[target] = source[at]
      words[target + 1] = source[at + 1]
      free = target + SLOT_WORDS
    }
  }
  return true
}
