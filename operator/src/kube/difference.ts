/** Comparing objects as plain JSON: what is undefined is not there, the order of fields is nothing. */

export function isSameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return isSameList(a, b, isSameJson)
  if (!isRecord(a) || !isRecord(b)) return a === b
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].every((key) => isSameJson(a[key], b[key]))
}

/**
 * Whether everything that is wanted is so in the live object. Fields that only the live object has
 * (defaults, what others own) do not count; lists must have the same length and order. An empty list
 * may come back as null or not at all, as `endpoints` of an EndpointSlice does.
 */
export function isApplied(wanted: unknown, live: unknown): boolean {
  if (Array.isArray(wanted) && wanted.length === 0 && (live ?? undefined) === undefined) return true
  if (Array.isArray(wanted) && Array.isArray(live)) return isSameList(wanted, live, isApplied)
  if (!isRecord(wanted) || !isRecord(live)) return wanted === live
  return Object.entries(wanted).every(
    ([key, value]) => value === undefined || isApplied(value, live[key]),
  )
}

function isSameList(
  a: readonly unknown[],
  b: readonly unknown[],
  isSame: (a: unknown, b: unknown) => boolean,
): boolean {
  return a.length === b.length && a.every((value, index) => isSame(value, b[index]))
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
