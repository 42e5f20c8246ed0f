/** Whether a stored object still says what we want, whatever else the API server filled in. */

/**
 * True when everything in `wanted` is in `actual` with the same value. Objects may have more fields;
 * lists must have the same length, with every element covered in order. The API server may leave out
 * an empty list or object, or return null for it.
 */
export function covers(actual: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return true
  if (Array.isArray(wanted)) return coversList(actual ?? [], wanted)
  if (isRecord(wanted)) return coversFields(actual ?? {}, wanted)
  return actual === wanted
}

const coversList = (actual: unknown, wanted: readonly unknown[]): boolean =>
  Array.isArray(actual) &&
  actual.length === wanted.length &&
  wanted.every((element, index) => covers(actual[index], element))

const coversFields = (actual: unknown, wanted: Readonly<Record<string, unknown>>): boolean =>
  isRecord(actual) && Object.entries(wanted).every(([key, value]) => covers(actual[key], value))

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
