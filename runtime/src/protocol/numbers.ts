/**
 * Numbers as Redis reads them from bytes: strict, no spaces, no leading zeros or plus signs.
 *
 * Sources: string2ll and string2ld in Redis' util.c.
 */

const MINUS = 0x2d
const ZERO = 0x30
const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const INT64_DIGITS_MAX = 19
/** So many digits always fit a double exactly. */
const SAFE_DIGITS_MAX = 15

/** The shape of string2ll: `0`, or an optional minus and digits without a leading zero. */
function isCanonicalInteger(buffer: Uint8Array, start: number, end: number): boolean {
  let at = start
  if (buffer[at] === MINUS) at++
  const digits = end - at
  if (digits <= 0 || digits > INT64_DIGITS_MAX) return false
  if (buffer[at] === ZERO) return digits === 1 && at === start
  for (; at < end; at++) {
    const digit = buffer[at] - ZERO
    if (digit < 0 || digit > 9) return false
  }
  return true
}

function textOf(buffer: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let at = start; at < end; at++) text += String.fromCharCode(buffer[at])
  return text
}

/** The exact signed 64-bit integer in these bytes, or undefined when they are none. */
export function parseInt64(buffer: Uint8Array, start: number, end: number): bigint | undefined {
  if (!isCanonicalInteger(buffer, start, end)) return undefined
  const value = BigInt(textOf(buffer, start, end))
  return value >= INT64_MIN && value <= INT64_MAX ? value : undefined
}

/**
 * The signed 64-bit integer in these bytes, or NaN when they are none. Beyond ±2^53 the result is
 * rounded to a double; use `parseInt64` where the last digit counts.
 */
export function parseInteger(buffer: Uint8Array, start: number, end: number): number {
  const isNegative = buffer[start] === MINUS
  const first = isNegative ? start + 1 : start
  const digits = end - first
  if (digits <= 0) return Number.NaN
  if (digits > SAFE_DIGITS_MAX) return Number(parseInt64(buffer, start, end) ?? Number.NaN)
  if (buffer[first] === ZERO) return digits === 1 && !isNegative ? 0 : Number.NaN
  let value = 0
  for (let at = first; at < end; at++) {
    const digit = buffer[at] - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return isNegative ? -value : value
}

const FLOAT_BYTES_MAX = 5 * 1024
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
const infinity = /^([+-]?)inf(inity)?$/i
const hexadecimal = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?\d+))?$/i

function parseHexadecimal(text: string): number {
  const match = hexadecimal.exec(text)
  if (match === null) return Number.NaN
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const digits = whole + fraction
  if (digits === '') return Number.NaN
  let value = 0
  for (const digit of digits) value = value * 16 + Number.parseInt(digit, 16)
  value *= 2 ** (Number(exponent) - 4 * fraction.length)
  return sign === '-' ? -value : value
}

/**
 * The floating-point number in these bytes (decimal, hexadecimal or infinity, as strtold takes
 * them), or NaN when they are none; `nan` itself is none.
 */
export function parseFloating(buffer: Uint8Array, start: number, end: number): number {
  if (end - start > FLOAT_BYTES_MAX) return Number.NaN
  const text = textOf(buffer, start, end)
  if (decimal.test(text)) return Number(text)
  const match = infinity.exec(text)
  if (match !== null) return match[1] === '-' ? -Infinity : Infinity
  return parseHexadecimal(text)
}
