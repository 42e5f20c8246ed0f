/**
 * The geometry of a hash table's segment: which sizes exist and where a hash is at home.
 *
 * A segment is one arena block: a header and slots of two words, sorted by hash.
 *
 *   word 0           1       2       3        4      5       6      7
 *   ├──────┬──────┼────────┬───────┬────────┬──────┬───────┬──────┬───────┬───
 *   │depth │homes │  used  │  due  │ slots  │ hash │ entry │ hash │ entry │ …      entry 0: empty
 *   └──────┴──────┴────────┴───────┴────────┴──────┴───────┴──────┴───────┴───
 *    8 bits 24
 *
 * `depth` leading bits of the hash lead here, the bits after them to one of the first `homes` slots.
 * The slots behind only take what is displaced, so that a search need not wrap and the slots stay
 * sorted from end to end. `due` is the earliest second (see `dueOf`) in which
 * an entry may expire, never too late but perhaps too early.
 */
import { Arena } from './arena.ts'

export const LAYOUT = 0
export const USED = 1
export const DUE = 2
export const SLOTS = 3
export const HEADER_WORDS = 4
export const SLOT_WORDS = 2

/** Hashes are int32 and sorted as such; this turns one into its rank from 0 to 2^32 - 1. */
export const SIGN = 0x80000000 | 0
/** One past the rank of the last hash. */
export const RANK_END = 2 ** 32
/** A `due` that never comes. */
export const NEVER_DUE = 0x7fffffff

/**
 * Blocks of a growing segment. All are sizes of the arena. Small tables grow by halves, large ones
 * in quarters of the smallest split result, which keeps the load between 0.7 and 0.875.
 */
const growthBytes = [
  64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 5120, 6144, 7168, 8192,
]
/** A segment of this size splits in two rather than grow. */
export const SPLIT_BYTES = 8192
const HOMES_MAX = 0xffff
const DEPTH_BITS = 8
const DEPTH_MASK = 0xff

/** Slots in a block of `bytes`. The last one stays empty: it ends every search. */
export const slotsIn = (bytes: number): number => (bytes - 4 * HEADER_WORDS) >> 3

/** Entries that a segment of `slots` takes before it must grow: seven eighths. */
export const usedMax = (slots: number): number => Math.min(slots - 1, slots - (slots >> 3))

/** The block for `used` entries that are to grow on: at most three quarters full. */
export function segmentBytesFor(used: number): number {
  let bytes = growthBytes[0]
  while (used > slotsIn(bytes) * 0.75) bytes = nextSegmentBytes(bytes)
  return bytes
}

/** The next larger block. Beyond the splitting size, which only skewed hashes reach, twice. */
export function nextSegmentBytes(bytes: number): number {
  const larger = growthBytes.find((size) => size > bytes)
  return larger ?? Arena.blockBytesFor(2 * bytes)
}

/** Slots behind the homes of a new segment. A build that runs out of them doubles their number. */
export const paddingOf = (slots: number): number => 2 + (slots >> 5)

/** Homes of a segment with so much padding; at least one. */
export const homesFor = (slots: number, padding: number): number =>
  Math.max(1, Math.min(HOMES_MAX, slots - padding))

/** Word 0. */
export const layoutOf = (depth: number, homes: number): number => depth | (homes << DEPTH_BITS)
export const homesOf = (layout: number): number => layout >>> DEPTH_BITS
export const depthIn = (layout: number): number => layout & DEPTH_MASK

/** The slot where the search for `hash` begins: its bits after the depth, scaled to the homes. */
export const homeOf = (hash: number, layout: number): number =>
  ((((hash ^ SIGN) << (layout & DEPTH_MASK)) >>> 16) * (layout >>> DEPTH_BITS)) >>> 16

/** The rank of `hash` in scanning order. */
export const rankOf = (hash: number): number => (hash ^ SIGN) >>> 0

/** The hash at `rank`. */
export const hashAt = (rank: number): number => rank ^ SIGN

/** A point in time as segments keep it: whole seconds in an int32, rounded down, to the year 2106. */
export const dueOf = (atMs: number): number =>
  Math.max(0, Math.min(RANK_END - 1, Math.floor(atMs / 1000))) ^ SIGN
