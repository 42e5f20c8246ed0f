/** JSON merge patch, RFC 7386. */

import { type Fields, isFields } from '../schema/schema.ts'
import { copyJson } from '../store/json-equality.ts'

/** A new value; neither argument is changed. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return copyJson(patch)
  const result: Fields = isFields(target) ? copyJson(target) : {}
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field]
    else result[field] = applyMergePatch(result[field], value)
  }
  return result
}
