/**
 * Arithmetic on x87 extended floats (64-bit mantissa), which INCRBYFLOAT's results depend on.
 *
 * Redis adds C long doubles and prints them with "%.17Lf". JavaScript has only 53 bits, and adding
 * decimals exactly would differ too: a result must be rounded to 64 bits, twice on the way in and
 * once for the sum. So a number here is `mantissa × 2^exponent` with BigInt, always normalised.
 * Sources: string2ld and ld2string (LD_STR_HUMAN) in Redis' util.c.
 */

/** A finite number; zero has mantissa 0. The mantissa carries the sign and has at most 64 bits. */
export interface ExtendedFloat {
  readonly mantissa: bigint
  readonly exponent: number
}

export const ZERO: ExtendedFloat = { mantissa: 0n, exponent: 0 }

const MANTISSA_BITS = 64
/** Binary orders of magnitude of the largest finite and the smallest subnormal long double. */
const MAGNITUDE_MAX = 16384
const MAGNITUDE_MIN = -16445
const FRACTION_DIGITS = 17
/** Longer texts are no numbers: MAX_LONG_DOUBLE_CHARS in Redis, its end included. */
export const FLOAT_BYTES_MAX = 5 * 1024 - 1
/** A decimal exponent beyond this is out of range whatever digits (at most 5 KiB) precede it. */
const DECIMAL_EXPONENT_MAX = 100_000

const decimal = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/
const hexadecimal = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i
const infinity = /^[+-]?inf(?:inity)?$/i

/**
 * What strtold reads from the text: a number, 'infinite' where it says so, or 'invalid' for
 * everything that Redis refuses, too large and too small numbers included.
 */
export function parseExtended(text: string): ExtendedFloat | 'infinite' | 'invalid' {
  if (text.length === 0 || text.length > FLOAT_BYTES_MAX) return 'invalid'
  if (infinity.test(text)) return 'infinite'
  const base = hexadecimal.test(text) ? 16 : 10
  const match = (base === 16 ? hexadecimal : decimal).exec(text)
  if (match === null) return 'invalid'
  const [, sign, whole = '', fraction = '', power = '0'] = match
  if (whole === '' && fraction === '') return 'invalid'
  const digits = BigInt((base === 16 ? '0x' : '') + whole + fraction)
  if (digits === 0n) return ZERO
  if (Math.abs(Number(power)) > DECIMAL_EXPONENT_MAX) return 'invalid'
  const value = scale(sign === '-' ? -digits : digits, base, Number(power), fraction.length)
  return isInRange(value) ? value : 'invalid'
}

/** The sum rounded to 64 bits, or 'infinite' when it is too large. */
export function addExtended(left: ExtendedFloat, right: ExtendedFloat): ExtendedFloat | 'infinite' {
  const exponent = Math.min(left.exponent, right.exponent)
  const sum =
    (left.mantissa << BigInt(left.exponent - exponent)) +
    (right.mantissa << BigInt(right.exponent - exponent))
  const rounded = round(sum, exponent, false)
  return magnitude(rounded) > MAGNITUDE_MAX ? 'infinite' : rounded
}

/** In decimal with at most 17 digits after the point and no zeros at the end. */
export function formatExtended({ mantissa, exponent }: ExtendedFloat): string {
  const isNegative = mantissa < 0n
  const scaled = (isNegative ? -mantissa : mantissa) * 10n ** BigInt(FRACTION_DIGITS)
  const units = exponent >= 0 ? scaled << BigInt(exponent) : shiftRounded(scaled, -exponent, false)
  const digits = units.toString().padStart(FRACTION_DIGITS + 1, '0')
  const point = digits.length - FRACTION_DIGITS
  const text = `${digits.slice(0, point)}.${digits.slice(point)}`.replace(/\.?0+$/, '')
  return isNegative && text !== '0' ? `-${text}` : text
}

/** digits × base^-fractionDigits × (10 or 2)^power, rounded once. */
function scale(
  digits: bigint,
  base: 10 | 16,
  power: number,
  fractionDigits: number,
): ExtendedFloat {
  if (base === 16) return round(digits, power - 4 * fractionDigits, false)
  const tens = power - fractionDigits
  if (tens >= 0) return round(digits * 10n ** BigInt(tens), 0, false)
  const divisor = 10n ** BigInt(-tens)
  const isNegative = digits < 0n
  const dividend = isNegative ? -digits : digits
  // Two more bits than the mantissa has, and whether anything was left over, decide the rounding.
  const shift = Math.max(0, bitLength(divisor) - bitLength(dividend) + MANTISSA_BITS + 2)
  const shifted = dividend << BigInt(shift)
  const quotient = shifted / divisor
  return round(isNegative ? -quotient : quotient, -shift, quotient * divisor !== shifted)
}

/** To 64 bits, half to even; `isInexact`: the true number is a little further from zero. */
function round(mantissa: bigint, exponent: number, isInexact: boolean): ExtendedFloat {
  if (mantissa === 0n) return ZERO
  const isNegative = mantissa < 0n
  const size = isNegative ? -mantissa : mantissa
  const excess = bitLength(size) - MANTISSA_BITS
  if (excess <= 0) return { mantissa, exponent }
  const rounded = shiftRounded(size, excess, isInexact)
  return { mantissa: isNegative ? -rounded : rounded, exponent: exponent + excess }
}

/** value / 2^bits, half to even. */
function shiftRounded(value: bigint, bits: number, isInexact: boolean): bigint {
  const shift = BigInt(bits)
  const quotient = value >> shift
  const twice = (value - (quotient << shift)) << 1n
  const whole = 1n << shift
  const isUp = twice > whole || (twice === whole && (isInexact || (quotient & 1n) === 1n))
  return isUp ? quotient + 1n : quotient
}

function isInRange(value: ExtendedFloat): boolean {
  const order = magnitude(value)
  return order <= MAGNITUDE_MAX && order >= MAGNITUDE_MIN
}

/** n such that 2^(n-1) <= |value| < 2^n. */
function magnitude({ mantissa, exponent }: ExtendedFloat): number {
  return bitLength(mantissa < 0n ? -mantissa : mantissa) + exponent
}

const bitLength = (value: bigint): number => (value === 0n ? 0 : value.toString(2).length)
