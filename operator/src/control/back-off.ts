/** Delays that grow with every failure up to a limit, with jitter, for ever. */

export interface BackOff {
  readonly firstMs: number
  readonly mostMs: number
}

/** Doubles from firstMs to mostMs; between half and all of that, so that herds spread out. */
export function backOffMs({ firstMs, mostMs }: BackOff, failures: number, random: number): number {
  const full = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30))
  return full * (0.5 + random / 2)
}
