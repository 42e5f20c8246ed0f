/**
 * LZF, by which Redis compresses long strings (LibLZF by Marc Lehmann).
 *
 *   000LLLLL                    L+1 bytes follow as they are
 *   LLLooooo oooooooo           L+2 bytes from o+1 bytes back; L is 1 to 6
 *   111ooooo LLLLLLLL oooooooo  L+9 bytes from o+1 bytes back
 */

const LITERALS_MAX = 32
const LONG_COPY = 7
/** Three bytes stand for 264 at most. */
const EXPANSION_MAX = 88

/** Whether so few bytes could become so many. Checked before room for them is made. */
export const canExpandTo = (compressedBytes: number, bytes: number): boolean =>
  bytes <= compressedBytes * EXPANSION_MAX

/**
 * Fills `target` from `source[start, end)`. False when the source does not yield exactly as many
 * bytes, ends too early, or refers to bytes before the first.
 */
export function decompressLzf(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
): boolean {
  let from = start
  let to = 0
  while (from < end) {
    const control = source[from++]
    if (control < LITERALS_MAX) {
      const count = control + 1
      if (from + count > end || to + count > target.length) return false
      for (const stop = from + count; from < stop; ) target[to++] = source[from++]
      continue
    }
    let count = control >> 5
    if (count === LONG_COPY) {
      if (from >= end) return false
      count += source[from++]
    }
    if (from >= end) return false
    let back = to - ((control & 0x1f) << 8) - source[from++] - 1
    count += 2
    if (back < 0 || to + count > target.length) return false
    for (const stop = to + count; to < stop; ) target[to++] = target[back++]
  }
  return to === target.length
}
