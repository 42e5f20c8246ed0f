/** x-kubernetes-validations: CEL rules of a schema, checked against a new and perhaps an old value. */
import type { StatusCause } from '../store/api-error.ts'
import { compileExpression } from './cel-environment.ts'
import { duplicateValue, forbiddenValue, invalidValue, requiredValue } from './field-error.ts'
import {
  childPath,
  fieldSchema,
  isFields,
  isMap,
  itemPath,
  type Schema,
  type ValidationRule,
} from './schema.ts'

/** Every broken rule. `old` is undefined on create: rules about changes then do not apply. */
export function validateRules(value: unknown, old: unknown, schema: Schema): StatusCause[] {
  if (!hasRules(schema)) return []
  const causes: StatusCause[] = []
  visit(value, old, schema, '', causes)
  return causes
}

const withRules = new WeakMap<Schema, boolean>()

/** Whether a schema or anything in it has rules: most have none, and conversion to CEL is not free. */
export function hasRules(schema: Schema): boolean {
  const known = withRules.get(schema)
  if (known !== undefined) return known
  withRules.set(schema, false)
  const children = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.items === undefined ? [] : [schema.items]),
    ...(typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : []),
  ]
  const found = (schema['x-kubernetes-validations'] ?? []).length > 0 || children.some(hasRules)
  withRules.set(schema, found)
  return found
}

function visit(
  value: unknown,
  old: unknown,
  schema: Schema,
  path: string,
  causes: StatusCause[],
): void {
  if (value === undefined || value === null || !hasRules(schema)) return
  for (const rule of schema['x-kubernetes-validations'] ?? [])
    causes.push(...checkRule(rule, value, old, schema, path))
  if (Array.isArray(value)) visitItems(value, old, schema, path, causes)
  else if (isFields(value)) {
    for (const [field, child] of Object.entries(value)) {
      const known = fieldSchema(schema, field)
      const oldChild = isFields(old) ? old[field] : undefined
      if (known !== undefined)
        visit(child, oldChild, known, childPath(path, field, isKeyOf(schema, field)), causes)
    }
  }
}

const isKeyOf = (schema: Schema, field: string): boolean =>
  isMap(schema) && !Object.hasOwn(schema.properties ?? {}, field)

function visitItems(
  items: readonly unknown[],
  old: unknown,
  schema: Schema,
  path: string,
  causes: StatusCause[],
): void {
  const { items: itemSchema } = schema
  if (itemSchema === undefined) return
  // only items of list-type map have an identity by which old and new belong together
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const identify = (item: unknown) =>
    JSON.stringify(keys.map((key) => (isFields(item) ? item[key] : undefined)))
  const olds =
    keys.length > 0 && Array.isArray(old)
      ? new Map(old.map((item) => [identify(item), item]))
      : new Map<string, unknown>()
  items.forEach((item, index) => {
    visit(item, olds.get(identify(item)), itemSchema, itemPath(path, index), causes)
  })
}

const usesOldSelf = (rule: string): boolean => /\boldSelf\b/.test(rule)

function checkRule(
  rule: ValidationRule,
  value: unknown,
  old: unknown,
  schema: Schema,
  path: string,
): StatusCause[] {
  if (usesOldSelf(rule.rule) && old === undefined) return []
  const type = schema.type ?? 'object'
  const context = { self: toCel(value, schema), oldSelf: toCel(old, schema) }
  try {
    if (compileExpression(rule.rule)(context) === true) return []
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    return [invalidValue(path, type, `${reason} evaluating rule: ${ruleText(rule)}`)]
  }
  return [broken(rule, context, path, type)]
}

const ruleText = (rule: ValidationRule): string => rule.message ?? rule.rule.trim()

function broken(
  rule: ValidationRule,
  context: Record<string, unknown>,
  path: string,
  type: string,
): StatusCause {
  const field = `${path}${rule.fieldPath ?? ''}`.replace(/^\./, '')
  const message = explain(rule, context)
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbiddenValue(field, message)
    case 'FieldValueRequired':
      return requiredValue(field, message)
    case 'FieldValueDuplicate':
      return duplicateValue(field, type)
    default:
      return invalidValue(field, type, message)
  }
}

function explain(rule: ValidationRule, context: Record<string, unknown>): string {
  const otherwise = rule.message ?? `failed rule: ${rule.rule.trim()}`
  if (rule.messageExpression === undefined) return otherwise
  try {
    const message: unknown = compileExpression(rule.messageExpression)(context)
    return typeof message === 'string' && message.trim() !== '' ? message : otherwise
  } catch {
    return otherwise
  }
}

/** JSON as CEL sees it through a schema: integers as bigint, times as Date, objects as they are. */
export function toCel(value: unknown, schema: Schema | undefined): unknown {
  if (typeof value === 'number') return isIntegerOf(value, schema) ? BigInt(value) : value
  if (typeof value === 'string')
    return schema?.format === 'date-time' && !Number.isNaN(Date.parse(value))
      ? new Date(value)
      : value
  if (Array.isArray(value)) return value.map((item) => toCel(item, schema?.items))
  if (!isFields(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([field, child]) => [
      field,
      toCel(child, fieldSchema(schema, field)),
    ]),
  )
}

const isIntegerOf = (value: number, schema: Schema | undefined): boolean =>
  Number.isInteger(value) && schema?.type !== 'number'
