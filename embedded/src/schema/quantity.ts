/**
 * Kubernetes quantities: '64Mi', '1500m', '2e3'. Exact, as a count of nanounits in a bigint.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */

const PATTERN = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,3}))?$/

const NANO = 1_000_000_000n

const powersOfTen: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
}

const powersOfTwo: Readonly<Record<string, bigint>> = {
  Ki: 10n,
  Mi: 20n,
  Gi: 30n,
  Ti: 40n,
  Pi: 50n,
  Ei: 60n,
}

const QUANTITY_CHARACTERS_MAX = 64

/** Nanounits, rounded up; `undefined` when the text is no quantity. */
export function parseQuantity(text: string): bigint | undefined {
  if (text.length > QUANTITY_CHARACTERS_MAX) return undefined
  const match = PATTERN.exec(text)
  if (match === null) return undefined
  const [, sign = '', digits = '', suffix = '', exponent = ''] = match
  const [whole = '', fraction = ''] = digits.split('.')
  const mantissa = BigInt(`${whole}${fraction}` || '0')
  const binary = powersOfTwo[suffix]
  const decimal = (powersOfTen[suffix] ?? Number(exponent || 0)) - fraction.length + 9
  const scaled = scale(binary === undefined ? mantissa : mantissa << binary, decimal)
  return sign === '-' ? -scaled : scaled
}

function scale(value: bigint, exponent: number): bigint {
  if (exponent >= 0) return value * 10n ** BigInt(exponent)
  const divisor = 10n ** BigInt(-exponent)
  return (value + divisor - 1n) / divisor
}

/** A quantity's value as CEL's `asApproximateFloat` and `asInteger` see it. */
export const quantityToNumber = (nano: bigint): number => Number(nano) / Number(NANO)

export const isWholeQuantity = (nano: bigint): boolean => nano % NANO === 0n

export const wholeQuantity = (nano: bigint): bigint => nano / NANO

export const nanoOf = (whole: bigint): bigint => whole * NANO
