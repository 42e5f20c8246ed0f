/** Ways to cut a stream of bytes into chunks, as networks do. */

export interface Cut {
  readonly name: string
  readonly apply: (wire: string) => readonly Buffer[]
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The seed of this run: MINIREDIS_SEED, or a new one. It is in the name of each random test. */
export const seedForTests = (): number =>
  Number(process.env.MINIREDIS_SEED ?? Math.floor(Math.random() * 2 ** 32))

const bytesOf = (wire: string): Buffer => Buffer.from(wire, 'latin1')

/** Whole, byte by byte, and in random pieces. */
export function cuts(seed: number): readonly [Cut, Cut, Cut] {
  const random = seededRandom(seed)
  return [
    { name: 'whole', apply: (wire) => [bytesOf(wire)] },
    { name: 'byte by byte', apply: (wire) => pieces(bytesOf(wire), () => 1) },
    {
      name: `in random pieces (MINIREDIS_SEED=${seed})`,
      apply: (wire) => pieces(bytesOf(wire), () => 1 + Math.floor(random() * random() * 4000)),
    },
  ]
}

function pieces(bytes: Buffer, nextLength: () => number): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + nextLength())
    chunks.push(bytes.subarray(at, end))
    at = end
  }
  return chunks
}
