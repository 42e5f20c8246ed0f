/** Small helpers to read and fill untyped drafts of objects. */
import { type Fields, isFields } from '../schema/schema.ts'

/** The object at a field, created when missing. What is no object is left for validation to find. */
export function child(parent: Fields, field: string): Fields {
  const present = parent[field]
  if (isFields(present)) return present
  const created: Fields = {}
  if (present === undefined || present === null) parent[field] = created
  return created
}

/** The object at a field; an empty one that is not stored when missing. */
export const peek = (parent: unknown, field: string): Readonly<Fields> => {
  const present = isFields(parent) ? parent[field] : undefined
  return isFields(present) ? present : {}
}

/** The objects in a list field. */
export const each = (parent: unknown, field: string): Fields[] => {
  const present = isFields(parent) ? parent[field] : undefined
  return Array.isArray(present) ? present.filter(isFields) : []
}

export function setDefaults(target: Fields, defaults: Readonly<Fields>): void {
  for (const [field, value] of Object.entries(defaults))
    if (target[field] === undefined || target[field] === null)
      target[field] = structuredClone(value)
}

export const text = (value: unknown): string => (typeof value === 'string' ? value : '')
