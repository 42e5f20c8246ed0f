/** Comparing, copying and freezing of JSON values. */

/** Same JSON, whatever the order of fields. Absent and `undefined` are the same. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && isSameList(a, b)
  return isSameFields(a as Record<string, unknown>, b as Record<string, unknown>)
}

const isSameList = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, index) => isSameJson(item, b[index]))

function isSameFields(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  for (const field of Object.keys(a)) if (!isSameJson(a[field], b[field])) return false
  return Object.keys(b).every((field) => b[field] === undefined || a[field] !== undefined)
}

/** Freezes all the way down, and stops at what is frozen already: parts are shared between versions. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const child of Object.values(value)) deepFreeze(child)
  return value
}

/** A copy that may be changed. Faster than structuredClone, and drops `undefined` as JSON does. */
export function copyJson<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copyJson) as T
  if (typeof value !== 'object' || value === null) return value
  const copy: Record<string, unknown> = {}
  for (const [field, child] of Object.entries(value))
    if (child !== undefined) copy[field] = copyJson(child)
  return copy as T
}
