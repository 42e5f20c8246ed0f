/** Checks a value against a structural schema. Words and order of errors follow kube-openapi. */
import type { StatusCause } from '../store/api-error.ts'
import {
  duplicateValue,
  invalidType,
  invalidValue,
  requiredValue,
  tooLong,
  tooMany,
  unsupportedValue,
} from './field-error.ts'
import { hasFormat } from './formats.ts'
import { compilePattern } from './patterns.ts'
import { childPath, fieldSchema, isFields, itemPath, type Schema } from './schema.ts'

export const CAUSES_MAX = 100

/** Every violation, the first CAUSES_MAX of them. `path` is where the value sits in its object. */
export function validateSchema(value: unknown, schema: Schema, path = ''): StatusCause[] {
  const causes: StatusCause[] = []
  check(value, schema, path, causes)
  return causes.slice(0, CAUSES_MAX)
}

function check(value: unknown, schema: Schema, path: string, causes: StatusCause[]): void {
  if (causes.length >= CAUSES_MAX) return
  if (value === null && schema.nullable === true) return
  const mistyped = typeError(value, schema, path)
  if (mistyped !== undefined) {
    causes.push(mistyped)
    return
  }
  if (schema.enum !== undefined && !schema.enum.some((item) => isSame(item, value)))
    causes.push(unsupportedValue(path, value, schema.enum))
  if (typeof value === 'string') checkString(value, schema, path, causes)
  else if (typeof value === 'number') checkNumber(value, schema, path, causes)
  else if (Array.isArray(value)) checkList(value, schema, path, causes)
  else if (isFields(value)) checkObject(value, schema, path, causes)
  checkJunctors(value, schema, path, causes)
}

/** 'spec.replicas in body', as kube-openapi names what it complains about. */
const inBody = (path: string): string => `${path} in body`

function typeError(value: unknown, schema: Schema, path: string): StatusCause | undefined {
  const wanted = schema['x-kubernetes-int-or-string'] ? ['integer', 'string'] : [schema.type ?? '']
  if (wanted[0] === '') return undefined
  const actual = typeName(value)
  if (wanted.includes(actual) || (actual === 'integer' && wanted.includes('number')))
    return undefined
  const detail = `${inBody(path)} must be of type ${wanted.join(',')}: "${actual}"`
  return invalidType(path, actual, detail)
}

export function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

function checkString(text: string, schema: Schema, path: string, causes: StatusCause[]): void {
  const length = [...text].length
  if (schema.maxLength !== undefined && length > schema.maxLength)
    causes.push(tooLong(path, schema.maxLength))
  if (schema.minLength !== undefined && length < schema.minLength)
    causes.push(fail(path, text, `should be at least ${schema.minLength} chars long`))
  if (schema.pattern !== undefined && !compilePattern(schema.pattern).test(text))
    causes.push(fail(path, text, `should match '${schema.pattern}'`))
  if (schema.format !== undefined && !hasFormat(text, schema.format))
    causes.push(
      invalidValue(path, text, `${inBody(path)} must be of type ${schema.format}: "${text}"`),
    )
}

const fail = (path: string, value: unknown, problem: string): StatusCause =>
  invalidValue(path, value, `${inBody(path)} ${problem}`)

function checkNumber(value: number, schema: Schema, path: string, causes: StatusCause[]): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum))
    causes.push(
      fail(path, value, `should be less than ${exclusiveMaximum ? '' : 'or equal to '}${maximum}`),
    )
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum))
    causes.push(
      fail(
        path,
        value,
        `should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${minimum}`,
      ),
    )
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf))
    causes.push(fail(path, value, `should be a multiple of ${multipleOf}`))
  if (schema.format === 'int32' && (value < -(2 ** 31) || value >= 2 ** 31))
    causes.push(invalidValue(path, value, `${inBody(path)} must be of type int32: "int64"`))
}

function checkList(
  items: readonly unknown[],
  schema: Schema,
  path: string,
  causes: StatusCause[],
): void {
  if (schema.maxItems !== undefined && items.length > schema.maxItems)
    causes.push(tooMany(path, items.length, schema.maxItems))
  if (schema.minItems !== undefined && items.length < schema.minItems)
    causes.push(fail(path, items.length, `should have at least ${schema.minItems} items`))
  if (schema.uniqueItems === true && firstDuplicate(items, fullKey) !== undefined)
    causes.push(fail(path, '', "shouldn't contain duplicates"))
  checkListType(items, schema, path, causes)
  const { items: itemSchema } = schema
  if (itemSchema === undefined) return
  items.forEach((item, index) => {
    check(item, itemSchema, itemPath(path, index), causes)
  })
}

const fullKey = (item: unknown): string => JSON.stringify(item)

function checkListType(
  items: readonly unknown[],
  schema: Schema,
  path: string,
  causes: StatusCause[],
): void {
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const kind = schema['x-kubernetes-list-type']
  if (kind !== 'set' && kind !== 'map') return
  const identify = (item: unknown) => (kind === 'set' ? item : pick(item, keys))
  const index = firstDuplicate(items, (item) => fullKey(identify(item)))
  if (index !== undefined)
    causes.push(duplicateValue(itemPath(path, index), identify(items[index])))
}

const pick = (item: unknown, keys: readonly string[]): unknown =>
  isFields(item) ? Object.fromEntries(keys.map((key) => [key, item[key]])) : item

function firstDuplicate(items: readonly unknown[], keyOf: (item: unknown) => string) {
  const seen = new Set<string>()
  for (const [index, item] of items.entries()) {
    const key = keyOf(item)
    if (seen.has(key)) return index
    seen.add(key)
  }
  return undefined
}

function checkObject(
  fields: Readonly<Record<string, unknown>>,
  schema: Schema,
  path: string,
  causes: StatusCause[],
): void {
  const count = Object.keys(fields).length
  if (schema.maxProperties !== undefined && count > schema.maxProperties)
    causes.push(tooMany(path, count, schema.maxProperties))
  if (schema.minProperties !== undefined && count < schema.minProperties)
    causes.push(fail(path, count, `should have at least ${schema.minProperties} properties`))
  for (const field of schema.required ?? [])
    if (fields[field] === undefined) causes.push(requiredValue(childPath(path, field)))
  for (const [field, value] of Object.entries(fields)) {
    const known = fieldSchema(schema, field)
    if (known !== undefined && value !== undefined)
      check(value, known, childPath(path, field), causes)
  }
}

function checkJunctors(value: unknown, schema: Schema, path: string, causes: StatusCause[]): void {
  const { allOf = [], anyOf, oneOf, not } = schema
  for (const part of allOf) check(value, part, path, causes)
  const matches = (part: Schema) => validateSchema(value, part, path).length === 0
  if (anyOf !== undefined && !anyOf.some(matches))
    causes.push(fail(path, value, 'must validate at least one schema (anyOf)'))
  if (oneOf !== undefined && oneOf.filter(matches).length !== 1)
    causes.push(fail(path, value, 'must validate one and only one schema (oneOf)'))
  if (not !== undefined && matches(not))
    causes.push(fail(path, value, 'must not validate the schema (not)'))
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b))
}
