/**
 * Values taken apart and put together by their schema, as structured-merge-diff does it: what is
 * one leaf, what are the parts, and which part of one value belongs to which part of another.
 */
import { type Fields, fieldSchema, isFields, isMap, type Schema } from '../schema/schema.ts'
import { isSameJson } from '../store/json-equality.ts'
import { emptySet, type FieldSet, leaf, node } from './field-set.ts'

export interface Part {
  readonly element: string
  readonly value: unknown
  readonly schema: Schema | undefined
}

/** The parts of an object or list that has an inside; `undefined` for scalars and atomic values. */
export function partsOf(value: unknown, schema: Schema | undefined): Part[] | undefined {
  if (Array.isArray(value)) return itemsOf(value, schema)
  if (!isFields(value) || schema?.['x-kubernetes-map-type'] === 'atomic') return undefined
  return Object.entries(value)
    .filter(([, child]) => child !== undefined)
    .map(([field, child]) => ({
      element: `f:${field}`,
      value: child,
      schema: fieldSchema(schema, field),
    }))
}

function itemsOf(list: readonly unknown[], schema: Schema | undefined): Part[] | undefined {
  const kind = schema?.['x-kubernetes-list-type']
  if (kind === 'set')
    return list.map((value) => ({
      element: `v:${JSON.stringify(value)}`,
      value,
      schema: schema?.items,
    }))
  if (kind !== 'map') return undefined
  const keys = [...(schema?.['x-kubernetes-list-map-keys'] ?? [])].sort()
  return list.map((value) => ({
    element: keyElement(value, keys, schema?.items),
    value,
    schema: schema?.items,
  }))
}

function keyElement(item: unknown, keys: readonly string[], schema: Schema | undefined): string {
  const fields = isFields(item) ? item : {}
  const values = keys.map((key) => [key, fields[key] ?? fieldSchema(schema, key)?.default ?? null])
  return `k:${JSON.stringify(Object.fromEntries(values))}`
}

const isEmpty = (value: unknown): boolean => isFields(value) && Object.keys(value).length === 0

/** Every field that a value speaks of. */
export function fieldSetOf(value: unknown, schema: Schema | undefined): FieldSet {
  const parts = partsOf(value, schema)
  if (parts === undefined) return leaf
  return node(
    false,
    parts.map((part) => {
      const inside = fieldSetOf(part.value, part.schema)
      const isMember = isOwnMember(part, schema)
      return [part.element, isMember ? { ...inside, isMember } : inside] as const
    }),
  )
}

/** List items and map entries are members beside their contents; fields of structs only when empty. */
function isOwnMember({ element, value }: Part, schema: Schema | undefined): boolean {
  if (!element.startsWith('f:') || value === null || isEmpty(value)) return true
  const isDeclared = Object.hasOwn(schema?.properties ?? {}, element.slice(2))
  return !isDeclared && (schema === undefined || isMap(schema))
}

export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

const nothing: Comparison = { added: emptySet, modified: emptySet, removed: emptySet }

/** What changes from one value to the other. */
export function compareValues(
  before: unknown,
  after: unknown,
  schema: Schema | undefined,
): Comparison {
  const olds = partsOf(before, schema)
  const news = partsOf(after, schema)
  if (olds === undefined || news === undefined || Array.isArray(before) !== Array.isArray(after))
    return isSameJson(before, after) ? nothing : { ...nothing, modified: leaf }
  const oldByElement = new Map(olds.map((part) => [part.element, part]))
  const newByElement = new Map(news.map((part) => [part.element, part]))
  const inner = [...new Set([...oldByElement.keys(), ...newByElement.keys()])].map(
    (element) =>
      [element, compareParts(oldByElement.get(element), newByElement.get(element))] as const,
  )
  const collect = (pick: (one: Comparison) => FieldSet) =>
    node(
      false,
      inner.map(([element, one]) => [element, pick(one)] as const),
    )
  return {
    added: collect(({ added }) => added),
    modified: collect(({ modified }) => modified),
    removed: collect(({ removed }) => removed),
  }
}

function compareParts(old: Part | undefined, now: Part | undefined): Comparison {
  if (old === undefined)
    return now === undefined ? nothing : { ...nothing, added: wholeSet(now.value, now.schema) }
  if (now === undefined) return { ...nothing, removed: wholeSet(old.value, old.schema) }
  return compareValues(old.value, now.value, now.schema)
}

/** A value with everything inside, itself included. */
function wholeSet(value: unknown, schema: Schema | undefined): FieldSet {
  const parts = partsOf(value, schema) ?? []
  return {
    isMember: true,
    children: new Map(parts.map((part) => [part.element, wholeSet(part.value, part.schema)])),
  }
}

/** `live` with everything that `config` speaks of. */
export function mergeValues(live: unknown, config: unknown, schema: Schema | undefined): unknown {
  const lives = partsOf(live, schema)
  const configs = partsOf(config, schema)
  if (lives === undefined || configs === undefined || Array.isArray(live) !== Array.isArray(config))
    return config
  if (Array.isArray(config)) return mergeItems(lives, configs)
  const result: Fields = { ...(live as Fields) }
  for (const { element, value, schema: inner } of configs) {
    const field = element.slice(2)
    result[field] = field in result ? mergeValues(result[field], value, inner) : value
  }
  return result
}

/** Applied items in their order; live items that are not applied stay behind their neighbours. */
function mergeItems(lives: readonly Part[], configs: readonly Part[]): unknown[] {
  const applied = new Set(configs.map(({ element }) => element))
  const liveByElement = new Map(lives.map((part) => [part.element, part]))
  const result: unknown[] = []
  let next = 0
  const takeOthers = () => {
    for (; next < lives.length; next += 1) {
      const part = lives[next]
      if (part === undefined || applied.has(part.element)) return
      result.push(part.value)
    }
  }
  for (const { element, value, schema } of configs) {
    takeOthers()
    const present = liveByElement.get(element)
    if (present !== undefined && lives[next]?.element === element) next += 1
    result.push(present === undefined ? value : mergeValues(present.value, value, schema))
  }
  for (; next < lives.length; next += 1) {
    const part = lives[next]
    if (part !== undefined && !applied.has(part.element)) result.push(part.value)
  }
  return result
}

/** A value without the members of the set; `undefined` when nothing is left of it. */
export function removeFields(value: unknown, set: FieldSet, schema: Schema | undefined): unknown {
  const parts = partsOf(value, schema)
  if (parts === undefined || set.children.size === 0) return value
  const kept = parts.flatMap((part) => {
    const inside = set.children.get(part.element)
    if (inside === undefined) return [part]
    if (inside.isMember) return []
    return [{ ...part, value: removeFields(part.value, inside, part.schema) }]
  })
  if (Array.isArray(value)) return kept.map((part) => part.value)
  return Object.fromEntries(kept.map((part) => [part.element.slice(2), part.value]))
}
