/** Removes what a schema does not know, and fills in what it knows better. Both work in place. */
import { childPath, type Fields, fieldSchema, isFields, itemPath, type Schema } from './schema.ts'

/** Removes unknown fields. Returns their paths, sorted. */
export function pruneUnknownFields(object: Fields, schema: Schema): string[] {
  const unknown: string[] = []
  prune(object, schema, '', unknown)
  return unknown.sort()
}

function prune(value: unknown, schema: Schema | undefined, path: string, unknown: string[]): void {
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      prune(item, schema?.items ?? rest(schema), itemPath(path, index), unknown)
    })
  } else if (isFields(value)) pruneFields(value, schema, path, unknown)
}

function pruneFields(fields: Fields, schema: Schema | undefined, path: string, unknown: string[]) {
  const keepsAll = schema?.['x-kubernetes-preserve-unknown-fields'] === true
  for (const [field, value] of Object.entries(fields)) {
    const known = fieldSchema(schema, field)
    const child = childPath(path, field)
    if (known !== undefined) prune(value, known, child, unknown)
    else if (!keepsAll && !isEmbeddedMetadata(schema, field)) {
      unknown.push(child)
      delete fields[field]
    }
  }
}

const rest = (schema: Schema | undefined): Schema | undefined =>
  schema?.['x-kubernetes-preserve-unknown-fields'] === true ? schema : undefined

const isEmbeddedMetadata = (schema: Schema | undefined, field: string): boolean =>
  schema?.['x-kubernetes-embedded-resource'] === true &&
  (field === 'apiVersion' || field === 'kind' || field === 'metadata')

/** Fills in defaults; a null where none is allowed gives way to the default, or vanishes. */
export function applyDefaults(value: unknown, schema: Schema | undefined): void {
  if (schema === undefined) return
  if (Array.isArray(value)) {
    for (const item of value) applyDefaults(item, schema.items)
  } else if (isFields(value)) defaultFields(value, schema)
}

function defaultFields(fields: Fields, schema: Schema): void {
  for (const [field, known] of Object.entries(schema.properties ?? {})) {
    const isNull = fields[field] === null && known.nullable !== true
    if (known.default !== undefined && (isNull || fields[field] === undefined))
      fields[field] = structuredClone(known.default)
    else if (isNull && known['x-kubernetes-preserve-unknown-fields'] !== true) delete fields[field]
  }
  for (const [field, value] of Object.entries(fields))
    applyDefaults(value, fieldSchema(schema, field))
}
