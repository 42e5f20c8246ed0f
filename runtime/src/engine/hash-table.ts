/**
 * An extendible hash table of sorted segments (Fagin et al. 1979, with ordered linear probing,
 * Amble and Knuth 1974), off the JavaScript heap.
 *
 * The leading bits of a hash pick a segment through the directory, the bits after them a home slot.
 * Entries stand at their home or displaced to the right, and always sorted by hash. From that follow:
 *
 * - Growth needs no rehash of the whole: a full segment splits in two, about a thousand entries
 *   whose hashes are at hand, so the longest step is some ten microseconds at any size.
 * - SCAN walks hashes upwards. A hash never changes, so whatever is there during the whole scan is
 *   seen exactly once, no matter how often segments grew, split, shrank or merged meanwhile.
 * - Deleting closes the gap instead of leaving a tombstone.
 * - A cluster of near hashes, which a client could pick by watching SCAN, costs a walk over
 *   adjacent words, and the directory does not follow it deeper than the count of entries justifies.
 *
 *    directory (2^depth)        segments
 *   ┌────┐
 *   │ 00 ├──────────────► ┌ depth 2: hashes 00… ┐
 *   │ 01 ├──────────────► ┌ depth 2: hashes 01… ┐
 *   │ 10 ├─────┬────────► ┌ depth 1: hashes 1…  ┐
 *   │ 11 ├─────┘
 *   └────┘
 */
import { type Arena, CHUNK_SHIFT, GRANULE_MASK } from './arena.ts'
import type { Key } from './key.ts'
import type { MemoryAccount } from './memory-account.ts'
import {
  DUE,
  depthIn,
  HEADER_WORDS,
  hashAt,
  homesFor,
  homesOf,
  LAYOUT,
  layoutOf,
  NEVER_DUE,
  nextSegmentBytes,
  paddingOf,
  RANK_END,
  rankOf,
  SIGN,
  SLOT_WORDS,
  SLOTS,
  SPLIT_BYTES,
  segmentBytesFor,
  slotsIn,
  USED,
  usedMax,
} from './segment.ts'
import {
  clearSlots,
  closeGap,
  countUsed,
  endOf,
  fill,
  homeAt,
  NONE,
  type Span,
  slotOf,
  spanOf,
} from './segment-slots.ts'

/** Directory slots stay below a sixteenth of the entries, so a skewed table costs little more. */
const ENTRIES_PER_DIRECTORY_SLOT = 16
const DEPTH_MAX = 22
/** Less full than this, a segment that has no room is crowded at its end only. */
const CROWDED_LOAD = 0.75
/** Two halves become one when together they hold no more. */
const MERGED_USED_MAX = 600
/** A segment filled less than this is made smaller: two fifths. */
const SHRINK_USED = 2
const SHRINK_SLOTS = 5

export { NONE } from './segment-slots.ts'

/** Knows what an entry's key is. */
export interface KeyedEntries {
  hasKey(entry: number, key: Key): boolean
}

const indexOf = (hash: number, depth: number): number => ((hash ^ SIGN) >>> 1) >>> (31 - depth)
const baseOf = (segment: number): number => (segment & GRANULE_MASK) << 1

export class HashTable {
  readonly #arena: Arena
  readonly #entries: KeyedEntries
  readonly #account: MemoryAccount
  /** The only segment while there is no directory. */
  #root = NONE
  #directory: Int32Array | undefined
  #depth = 0
  /** Segments as deep as the directory; when none is left it is halved. */
  #deepest = 0
  #size = 0

  constructor(arena: Arena, entries: KeyedEntries, account: MemoryAccount) {
    this.#arena = arena
    this.#entries = entries
    this.#account = account
  }

  get size(): number {
    return this.#size
  }

  get account(): MemoryAccount {
    return this.#account
  }

  /** The entry of `key`, or NONE. */
  find(key: Key): number {
    const hash = key.hash
    const segment = this.#segmentOf(hash)
    if (segment === NONE) return NONE
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    let at = homeAt(words, baseOf(segment), hash)
    for (; ; at += SLOT_WORDS) {
      const entry = words[at + 1]
      if (entry === NONE) return NONE
      const found = words[at]
      if (found > hash) return NONE
      if (found === hash && this.#entries.hasKey(entry, key)) return entry
    }
  }

  /** Adds an entry whose key is not there yet. */
  insert(hash: number, entry: number): void {
    if (this.#root === NONE) this.#root = this.#createSegment(segmentBytesFor(1), 0)
    while (!this.#place(this.#segmentOf(hash), hash, entry)) this.#makeRoom(hash)
    this.#size++
  }

  /** Puts `next` where `entry` was: the same key in another block. */
  replace(hash: number, entry: number, next: number): void {
    const segment = this.#segmentOf(hash)
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    words[slotOf(words, baseOf(segment), hash, entry) + 1] = next
  }

  /** Takes the entry out. Its block is the caller's. */
  remove(hash: number, entry: number): void {
    const segment = this.#segmentOf(hash)
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    const base = baseOf(segment)
    closeGap(words, base, slotOf(words, base, hash, entry))
    words[base + USED]--
    this.#size--
    if (words[base + USED] * SHRINK_SLOTS < words[base + SLOTS] * SHRINK_USED) {
      this.#shrink(segment, hash)
    }
  }

  /**
   * Appends to `out` the entries from `rank` upwards, `count` or a few more, and returns the rank to
   * go on from; RANK_END when all have been seen. Entries of equal hash are never parted.
   */
  scan(rank: number, count: number, out: number[]): number {
    const full = out.length + count
    let next = rank
    while (next < RANK_END) {
      const segment = this.#segmentOf(hashAt(next))
      if (segment === NONE) return RANK_END
      const stop = this.#scanSegment(segment, next, full, out)
      if (stop !== RANK_END) return stop
      next = this.#rankAfter(segment, next)
      if (out.length >= full) return next
    }
    return RANK_END
  }

  /** Remembers that an entry of this hash may expire in the second `due`. */
  noteDue(hash: number, due: number): void {
    const segment = this.#segmentOf(hash)
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    const at = baseOf(segment) + DUE
    if (due < words[at]) words[at] = due
  }

  /**
   * Looks at the segment of `rank`. If something in it was due before the second `now`, appends all
   * its entries to `out` and forgets when they were due: the caller notes what remains. Returns the
   * rank of the next segment.
   */
  takeDue(rank: number, now: number, out: number[]): number {
    const segment = this.#segmentOf(hashAt(rank))
    if (segment === NONE) return RANK_END
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    const base = baseOf(segment)
    if (words[base + DUE] < now) {
      words[base + DUE] = NEVER_DUE
      const end = endOf(words, base)
      for (let at = base + HEADER_WORDS; at < end; at += SLOT_WORDS) {
        if (words[at + 1] !== NONE) out.push(words[at + 1])
      }
    }
    return this.#rankAfter(segment, rank)
  }

  /** An entry picked by `random` (unsigned 32-bit integers), each about as likely; NONE if empty. */
  pick(random: () => number): number {
    if (this.#size === 0) return NONE
    for (;;) {
      const segment = this.#segmentOf(random() | 0)
      const words = this.#arena.words[segment >>> CHUNK_SHIFT]
      const base = baseOf(segment)
      if (words[base + USED] === 0) continue
      const slots = words[base + SLOTS]
      let slot = random() % slots
      while (words[base + HEADER_WORDS + slot * SLOT_WORDS + 1] === NONE) slot = (slot + 1) % slots
      return words[base + HEADER_WORDS + slot * SLOT_WORDS + 1]
    }
  }

  /** Gives all segments back, whatever is in them. The table is empty afterwards. */
  dispose(): void {
    if (this.#directory === undefined) {
      if (this.#root !== NONE) this.#arena.free(this.#root, this.#account)
    } else {
      let previous = NONE
      for (const segment of this.#directory) {
        if (segment !== previous) this.#arena.free(segment, this.#account)
        previous = segment
      }
    }
    this.#setDirectory(undefined, 0)
    this.#root = NONE
    this.#size = 0
  }

  #segmentOf(hash: number): number {
    const directory = this.#directory
    return directory === undefined ? this.#root : directory[indexOf(hash, this.#depth)]
  }

  /** Whether there was room; if not, nothing has changed. */
  #place(segment: number, hash: number, entry: number): boolean {
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    const base = baseOf(segment)
    if (words[base + USED] >= usedMax(words[base + SLOTS])) return false
    let at = homeAt(words, base, hash)
    while (words[at + 1] !== NONE && words[at] <= hash) at += SLOT_WORDS
    let gap = at
    while (words[gap + 1] !== NONE) gap += SLOT_WORDS
    if (gap + SLOT_WORDS >= endOf(words, base)) return false
    for (let to = gap + 1; to > at + 1; to--) words[to] = words[to - SLOT_WORDS]
    words[at] = hash
    words[at + 1] = entry
    words[base + USED]++
    return true
  }

  #makeRoom(hash: number): void {
    const segment = this.#segmentOf(hash)
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    const base = baseOf(segment)
    const slots = words[base + SLOTS]
    const bytes = this.#arena.blockBytes(segment)
    if (words[base + USED] < slots * CROWDED_LOAD) {
      // Only its end is full: that takes more padding, not more room.
      const padding = slots - homesOf(words[base + LAYOUT])
      this.#resize(segment, hash, bytes, 2 * padding)
    } else if (bytes >= SPLIT_BYTES && this.#maySplit(depthIn(words[base + LAYOUT]))) {
      this.#split(segment, hash)
    } else this.#resize(segment, hash, nextSegmentBytes(bytes))
  }

  #maySplit(depth: number): boolean {
    if (depth < this.#depth) return true
    if (depth >= DEPTH_MAX) return false
    return this.#depth === 0 || 2 ** (depth + 1) * ENTRIES_PER_DIRECTORY_SLOT <= this.#size
  }

  #resize(segment: number, hash: number, bytes: number, padding = 0): void {
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    const base = baseOf(segment)
    const depth = depthIn(words[base + LAYOUT])
    const next = this.#build(bytes, depth, words[base + DUE], [spanOf(words, base)], padding)
    this.#point(hash, depth, next)
    this.#arena.free(segment, this.#account)
  }

  #split(segment: number, hash: number): void {
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    const base = baseOf(segment)
    const depth = depthIn(words[base + LAYOUT]) + 1
    const due = words[base + DUE]
    const start = base + HEADER_WORDS
    const end = endOf(words, base)
    const middle = this.#rankAfter(segment, rankOf(hash)) - 2 ** (32 - depth)
    let cut = start
    while (cut < end && (words[cut + 1] === NONE || rankOf(words[cut]) < middle)) cut += SLOT_WORDS
    const low = this.#build(0, depth, due, [[words, start, cut]])
    const high = this.#build(0, depth, due, [[words, cut, end]])
    if (depth > this.#depth) this.#doubleDirectory()
    this.#point(hashAt(middle - 1), depth, low)
    this.#point(hashAt(middle), depth, high)
    if (depth === this.#depth) this.#deepest += 2
    this.#arena.free(segment, this.#account)
  }

  #shrink(segment: number, hash: number): void {
    if (this.#size === 0) {
      this.dispose()
      return
    }
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    const base = baseOf(segment)
    const used = words[base + USED]
    const depth = depthIn(words[base + LAYOUT])
    const buddy = depth === 0 ? NONE : this.#segmentOf(hash ^ (1 << (32 - depth)))
    if (buddy !== NONE && this.#canMerge(buddy, depth, used)) {
      this.#merge(segment, buddy, hash, depth)
      return
    }
    const bytes = segmentBytesFor(used)
    if (bytes < this.#arena.blockBytes(segment)) this.#resize(segment, hash, bytes)
  }

  #canMerge(buddy: number, depth: number, used: number): boolean {
    const words = this.#arena.words[buddy >>> CHUNK_SHIFT]
    const base = baseOf(buddy)
    return depthIn(words[base + LAYOUT]) === depth && words[base + USED] + used <= MERGED_USED_MAX
  }

  #merge(segment: number, buddy: number, hash: number, depth: number): void {
    const isLow = ((hash ^ SIGN) & (1 << (32 - depth))) === 0
    const [low, high] = isLow ? [segment, buddy] : [buddy, segment]
    const lowWords = this.#arena.words[low >>> CHUNK_SHIFT]
    const highWords = this.#arena.words[high >>> CHUNK_SHIFT]
    const due = Math.min(lowWords[baseOf(low) + DUE], highWords[baseOf(high) + DUE])
    const spans = [spanOf(lowWords, baseOf(low)), spanOf(highWords, baseOf(high))]
    this.#point(hash, depth - 1, this.#build(0, depth - 1, due, spans))
    this.#arena.free(low, this.#account)
    this.#arena.free(high, this.#account)
    if (depth === this.#depth) this.#deepest -= 2
    while (this.#directory !== undefined && this.#deepest === 0) this.#halveDirectory()
  }

  /** A segment of `bytes` or more, and `padding` or more, with what is in `spans` in order. */
  #build(bytes: number, depth: number, due: number, spans: readonly Span[], padding = 0): number {
    const used = spans.reduce((sum, span) => sum + countUsed(span), 0)
    const segment = this.#createSegment(Math.max(bytes, segmentBytesFor(used)), depth)
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    const base = baseOf(segment)
    const slots = words[base + SLOTS]
    words[base + DUE] = due
    words[base + USED] = used
    for (let pad = Math.max(padding, paddingOf(slots)); ; pad *= 2) {
      clearSlots(words, base)
      words[base + LAYOUT] = layoutOf(depth, homesFor(slots, pad))
      if (fill(words, base, spans)) return segment
    }
  }

  #createSegment(bytes: number, depth: number): number {
    const segment = this.#arena.allocate(bytes, this.#account)
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    const base = baseOf(segment)
    const slots = slotsIn(this.#arena.blockBytes(segment))
    words[base + LAYOUT] = layoutOf(depth, homesFor(slots, paddingOf(slots)))
    words[base + USED] = 0
    words[base + DUE] = NEVER_DUE
    words[base + SLOTS] = slots
    clearSlots(words, base)
    return segment
  }

  /** The first rank that belongs to the next segment. */
  #rankAfter(segment: number, rank: number): number {
    const width = 2 ** (32 - this.#depthOf(segment))
    return (Math.floor(rank / width) + 1) * width
  }

  #scanSegment(segment: number, rank: number, full: number, out: number[]): number {
    const words = this.#arena.words[segment >>> CHUNK_SHIFT]
    const base = baseOf(segment)
    const first = hashAt(rank)
    const end = endOf(words, base)
    let previous = first
    for (let at = homeAt(words, base, first); at < end; at += SLOT_WORDS) {
      const hash = words[at]
      if (words[at + 1] === NONE || hash < first) continue
      if (out.length >= full && hash !== previous) return rankOf(hash)
      out.push(words[at + 1])
      previous = hash
    }
    return RANK_END
  }

  /** Makes all hashes that share `depth` leading bits with `hash` lead to `segment`. */
  #point(hash: number, depth: number, segment: number): void {
    const directory = this.#directory
    if (directory === undefined) {
      this.#root = segment
      return
    }
    const spare = this.#depth - depth
    const first = (indexOf(hash, this.#depth) >>> spare) << spare
    directory.fill(segment, first, first + (1 << spare))
  }

  #doubleDirectory(): void {
    const old = this.#directory ?? Int32Array.of(this.#root)
    const doubled = new Int32Array(2 * old.length)
    for (let index = 0; index < old.length; index++) {
      doubled[2 * index] = old[index]
      doubled[2 * index + 1] = old[index]
    }
    this.#setDirectory(doubled, this.#depth + 1)
    this.#deepest = 0
  }

  #halveDirectory(): void {
    const old = this.#directory ?? Int32Array.of(this.#root)
    const depth = this.#depth - 1
    this.#root = old[0]
    const halved = depth === 0 ? undefined : old.filter((_, index) => index % 2 === 0)
    this.#setDirectory(halved, depth)
    if (halved === undefined) return
    this.#deepest = halved.filter((segment) => this.#depthOf(segment) === depth).length
  }

  #depthOf(segment: number): number {
    return depthIn(this.#arena.words[segment >>> CHUNK_SHIFT][baseOf(segment) + LAYOUT])
  }

  #setDirectory(directory: Int32Array | undefined, depth: number): void {
    this.#account.add((directory?.byteLength ?? 0) - (this.#directory?.byteLength ?? 0))
    this.#directory = directory
    this.#depth = depth
  }
}
