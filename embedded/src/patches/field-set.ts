/**
 * Sets of fields, as metadata.managedFields spells them: a tree whose edges are path elements.
 *
 *   f:name            a field of an object            .spec
 *   k:{"name":"x"}    an item of a list of type map   [name="x"]
 *   v:"x"             an item of a list of type set   [="x"]
 *
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/#manipulating-managedfields
 */
import { isFields } from '../schema/schema.ts'
import type { JsonObject } from '../store/kube-object.ts'

export interface FieldSet {
  /** The path that leads here belongs to the set. */
  readonly isMember: boolean
  readonly children: ReadonlyMap<string, FieldSet>
}

export const emptySet: FieldSet = { isMember: false, children: new Map() }
export const leaf: FieldSet = { isMember: true, children: new Map() }

export const isEmptySet = ({ isMember, children }: FieldSet): boolean =>
  !isMember && children.size === 0

/** A node without the children that hold nothing. */
export function node(isMember: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet {
  return { isMember, children: new Map([...children].filter(([, child]) => !isEmptySet(child))) }
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map(a.children)
  for (const [element, child] of b.children)
    children.set(element, union(children.get(element) ?? emptySet, child))
  return { isMember: a.isMember || b.isMember, children }
}

export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return node(
    a.isMember && !b.isMember,
    [...a.children].map(([element, child]) => [
      element,
      difference(child, b.children.get(element) ?? emptySet),
    ]),
  )
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return node(
    a.isMember && b.isMember,
    [...a.children].map(([element, child]) => [
      element,
      intersection(child, b.children.get(element) ?? emptySet),
    ]),
  )
}

/** Without the subtrees at these paths, each a list of path elements. */
export function without(set: FieldSet, paths: readonly (readonly string[])[]): FieldSet {
  return paths.reduce(withoutPath, set)
}

function withoutPath(set: FieldSet, [element, ...rest]: readonly string[]): FieldSet {
  if (element === undefined) return emptySet
  const child = set.children.get(element)
  if (child === undefined) return set
  const children = new Map(set.children)
  children.set(element, withoutPath(child, rest))
  return node(set.isMember, children)
}

/** Only one subtree. */
export function only(set: FieldSet, element: string): FieldSet {
  return node(false, [[element, set.children.get(element) ?? emptySet]])
}

/** With every field above a member being a member too. */
export function withParents(set: FieldSet, isField = false): FieldSet {
  if (set.children.size === 0) return set
  return {
    isMember: set.isMember || isField,
    children: new Map(
      [...set.children].map(([element, child]) => [
        element,
        withParents(child, element.startsWith('f:')),
      ]),
    ),
  }
}

export function encodeFieldsV1({ isMember, children }: FieldSet): JsonObject {
  const entries = [...children]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([element, child]) => [element, encodeFieldsV1(child)])
  return Object.fromEntries(isMember && children.size > 0 ? [['.', {}], ...entries] : entries)
}

/** Tolerates anything; what is no field set gives an empty one. */
export function decodeFieldsV1(fields: unknown): FieldSet {
  return isFields(fields) && Object.keys(fields).length > 0 ? decodeNode(fields) : emptySet
}

function decodeNode(fields: Readonly<Record<string, unknown>>): FieldSet {
  const entries = Object.entries(fields).filter(([element]) => element !== '.')
  return {
    isMember: '.' in fields || entries.length === 0,
    children: new Map(
      entries.map(([element, child]) => [element, decodeNode(isFields(child) ? child : {})]),
    ),
  }
}

/** Members as people read them: `.spec.containers[name="x"].image`. */
export function printPaths(set: FieldSet, path = ''): string[] {
  return [
    ...(set.isMember ? [path] : []),
    ...[...set.children].flatMap(([element, child]) =>
      printPaths(child, `${path}${printElement(element)}`),
    ),
  ]
}

function printElement(element: string): string {
  const body = element.slice(2)
  if (element.startsWith('f:')) return `.${body}`
  if (element.startsWith('v:')) return `[=${body}]`
  const keys = Object.entries(JSON.parse(body) as Record<string, unknown>)
  return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`
}
