/**
 * The sizes in which the arena cuts its chunks.
 *
 * Steps of one granule up to 128 bytes, where most keys live; then eight steps per doubling, so
 * that at most an eighth of a block is slack; from 8 KiB on the divisors of a chunk, so that no
 * tail is lost. Whatever is larger gets a buffer of its own.
 */

/** Blocks start and end on multiples of this; references count in it. */
export const GRANULE_BYTES = 8
/** One ArrayBuffer of blocks of one size. */
export const CHUNK_BYTES = 256 * 1024
/** The largest block that shares a chunk with others. */
export const SHARED_BLOCK_BYTES_MAX = CHUNK_BYTES / 4

const FINE_BYTES_MAX = 128
const STEPPED_BYTES_MAX = 8 * 1024
const BLOCK_BYTES_MIN = 16
const blocksPerChunk = [28, 24, 20, 18, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4]

/** Block sizes in bytes, ascending. The position in this list is the size class. */
export const classBytes: readonly number[] = [...fineSizes(), ...steppedSizes(), ...divisorSizes()]

const classByGranules = buildClassByGranules()

/** The class of the smallest block that holds `bytes`, 0 < bytes <= SHARED_BLOCK_BYTES_MAX. */
export const classFor = (bytes: number): number => classByGranules[(bytes + GRANULE_BYTES - 1) >> 3]

function* fineSizes(): Generator<number> {
  for (let bytes = BLOCK_BYTES_MIN; bytes <= FINE_BYTES_MAX; bytes += GRANULE_BYTES) yield bytes
}

function* steppedSizes(): Generator<number> {
  for (let base = FINE_BYTES_MAX; base < STEPPED_BYTES_MAX; base *= 2) {
    for (let step = 1; step <= 8; step++) yield base + (base / 8) * step
  }
}

function* divisorSizes(): Generator<number> {
  for (const count of blocksPerChunk) {
    const bytes = CHUNK_BYTES / count
    yield bytes - (bytes % GRANULE_BYTES)
  }
}

function buildClassByGranules(): Uint8Array {
  const table = new Uint8Array(SHARED_BLOCK_BYTES_MAX / GRANULE_BYTES + 1)
  let sizeClass = 0
  for (let granules = 0; granules < table.length; granules++) {
    if (granules * GRANULE_BYTES > classBytes[sizeClass]) sizeClass++
    table[granules] = sizeClass
  }
  return table
}
