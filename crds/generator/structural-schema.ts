/**
 * JSON Schema as zod renders it → structural schema as the API server wants it.
 *
 * Structural schemas know no `$schema`, no `additionalProperties: false` beside properties (unknown
 * fields are pruned or refused by fieldValidation) and only RE2 patterns; `metadata` belongs to the
 * API server. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
 */
import { z } from 'zod'

export interface StructuralSchema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, StructuralSchema>>
  readonly items?: StructuralSchema
  readonly [keyword: string]: unknown
}

const dropped = new Set(['$schema', 'additionalProperties', 'propertyNames'])

/** @throws Error when the schema uses something that no structural schema can say */
export function buildStructuralSchema(schema: z.ZodType): StructuralSchema {
  const rendered = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'throw' })
  const root = convert(rendered as StructuralSchema, '')
  return { ...root, properties: { ...root.properties, metadata: { type: 'object' } } }
}

function convert(schema: StructuralSchema, path: string): StructuralSchema {
  refuseUnions(schema, path)
  const kept = Object.entries(schema).filter(([keyword]) => isKept(keyword, schema))
  const converted: Record<string, unknown> = Object.fromEntries(kept)
  if (schema.properties !== undefined) converted.properties = convertAll(schema.properties, path)
  if (schema.items !== undefined) converted.items = convert(schema.items, `${path}[]`)
  if (schema.type === 'integer') converted.format = 'int64'
  return converted
}

function convertAll(properties: Readonly<Record<string, StructuralSchema>>, path: string) {
  return Object.fromEntries(
    Object.entries(properties).map(([name, child]) => [name, convert(child, `${path}.${name}`)]),
  )
}

function isKept(keyword: string, schema: StructuralSchema): boolean {
  if (dropped.has(keyword)) return false
  // zod spells date-time out as a pattern too, with look-aheads that RE2 lacks
  if (keyword === 'pattern') return schema.format !== 'date-time'
  if (keyword === 'maximum') return schema.maximum !== Number.MAX_SAFE_INTEGER
  return true
}

function refuseUnions(schema: StructuralSchema, path: string): void {
  for (const keyword of ['$ref', 'anyOf', 'oneOf', 'allOf', 'not']) {
    if (keyword in schema) throw new Error(`${path || 'root'}: ${keyword} is not structural`)
  }
}
