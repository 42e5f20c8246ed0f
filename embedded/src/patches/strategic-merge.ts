/**
 * Strategic merge patch: like a merge patch, but lists whose schema names a merge key are merged
 * item by item, and directives ($patch, $retainKeys, $setElementOrder/…,
 * $deleteFromPrimitiveList/…) say what a plain patch cannot.
 * https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 */
import { type Fields, fieldSchema, isFields, type Schema } from '../schema/schema.ts'
import { badRequest } from '../store/api-error.ts'
import { copyJson, isSameJson } from '../store/json-equality.ts'

const ORDER = '$setElementOrder/'
const DELETE_FROM = '$deleteFromPrimitiveList/'

/** A new object; neither argument is changed. @throws ApiError BadRequest for a malformed patch */
export function applyStrategicMerge(target: unknown, patch: unknown, schema: Schema): unknown {
  if (!isFields(patch)) throw badRequest('a strategic merge patch is an object')
  return mergeFields(isFields(target) ? target : {}, patch, schema) ?? {}
}

/** `undefined`: the patch deletes the object. */
function mergeFields(
  target: Readonly<Fields>,
  patch: Readonly<Fields>,
  schema: Schema | undefined,
): Fields | undefined {
  const { $patch: directive = 'merge' } = patch
  if (directive === 'replace') return stripDirectives(patch)
  if (directive === 'delete') return undefined
  if (directive !== 'merge') throw badRequest(`unrecognized patch type: ${String(directive)}`)
  const result = retainKeys(copyJson(target), patch)
  for (const [field, value] of Object.entries(patch)) {
    if (!field.startsWith('$')) mergeField(result, field, value, schema, patch)
  }
  applyListDirectives(result, patch, schema)
  return result
}

function retainKeys(target: Fields, { $retainKeys: kept }: Readonly<Fields>): Fields {
  if (kept === undefined) return target
  if (!Array.isArray(kept)) throw badRequest('$retainKeys must be a list')
  return Object.fromEntries(Object.entries(target).filter(([field]) => kept.includes(field)))
}

function mergeField(
  result: Fields,
  field: string,
  value: unknown,
  schema: Schema | undefined,
  patch: Readonly<Fields>,
): void {
  const known = fieldSchema(schema, field)
  const present = result[field]
  if (value === null) delete result[field]
  else if (isFields(value)) {
    const merged = mergeFields(isFields(present) ? present : {}, value, known)
    if (merged === undefined) delete result[field]
    else result[field] = merged
  } else if (Array.isArray(value) && isMerged(known)) {
    const before = Array.isArray(present) ? present : []
    const merged = mergeList(before, value, known)
    result[field] = reorder(merged, before, patch[`${ORDER}${field}`], known)
  } else result[field] = copyJson(value)
}

const isMerged = (schema: Schema | undefined): schema is Schema =>
  schema?.['x-kubernetes-patch-strategy']?.split(',').includes('merge') === true

function mergeList(before: readonly unknown[], patch: readonly unknown[], schema: Schema) {
  const key = schema['x-kubernetes-patch-merge-key']
  if (key === undefined || !patch.every(isFields)) return unite(before, patch)
  if (patch.some((item) => isFields(item) && item.$patch === 'replace' && item[key] === undefined))
    return patch.filter((item) => !(isFields(item) && item.$patch === 'replace')).map(copyJson)
  const result: unknown[] = before.map(copyJson)
  for (const item of patch as readonly Fields[]) mergeItem(result, item, key, schema.items)
  return result
}

const unite = (before: readonly unknown[], patch: readonly unknown[]): unknown[] => [
  ...before,
  ...patch.filter((item) => !before.some((other) => isSameJson(other, item))).map(copyJson),
]

function mergeItem(list: unknown[], item: Fields, key: string, schema: Schema | undefined): void {
  if (item[key] === undefined)
    throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`)
  const index = list.findIndex((one) => isFields(one) && one[key] === item[key])
  if (index < 0) {
    const added = mergeFields({}, item, schema)
    if (added !== undefined) list.push(added)
    return
  }
  const merged = mergeFields(list[index] as Fields, item, schema)
  if (merged === undefined) list.splice(index, 1)
  else list[index] = merged
}

function applyListDirectives(
  result: Fields,
  patch: Readonly<Fields>,
  schema: Schema | undefined,
): void {
  for (const [directive, value] of Object.entries(patch)) {
    if (directive.startsWith(DELETE_FROM)) {
      const field = directive.slice(DELETE_FROM.length)
      const list = result[field]
      if (Array.isArray(list) && Array.isArray(value))
        result[field] = list.filter((item) => !value.some((gone) => isSameJson(gone, item)))
    } else if (directive.startsWith(ORDER)) {
      const field = directive.slice(ORDER.length)
      const list = result[field]
      if (patch[field] === undefined && Array.isArray(list))
        result[field] = reorder(list, list, value, fieldSchema(schema, field))
    }
  }
}

/** Items named in the order come in that order; others stay where they were among their neighbours. */
function reorder(
  merged: readonly unknown[],
  before: readonly unknown[],
  order: unknown,
  schema: Schema | undefined,
): readonly unknown[] {
  if (!Array.isArray(order)) return merged
  const key = schema?.['x-kubernetes-patch-merge-key']
  const identify = (item: unknown): string =>
    JSON.stringify(key !== undefined && isFields(item) ? item[key] : item)
  const ranks = new Map(order.map((item, rank) => [identify(item), rank]))
  const places = new Map(before.map((item, place) => [identify(item), place]))
  const named = merged.filter((item) => ranks.has(identify(item)))
  named.sort((a, b) => (ranks.get(identify(a)) ?? 0) - (ranks.get(identify(b)) ?? 0))
  const result: unknown[] = []
  const others = merged.filter((item) => !ranks.has(identify(item)))
  const place = (item: unknown) => places.get(identify(item)) ?? Number.POSITIVE_INFINITY
  for (const item of named) {
    while (others.length > 0 && place(others[0]) < place(item)) result.push(others.shift())
    result.push(item)
  }
  return [...result, ...others]
}

function stripDirectives(value: Readonly<Fields>): Fields {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([field]) => !field.startsWith('$'))
      .map(([field, child]) => [field, isFields(child) ? stripDirectives(child) : copyJson(child)]),
  )
}
