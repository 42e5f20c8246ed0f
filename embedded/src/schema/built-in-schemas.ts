/** Kubernetes' own definitions (generated/), with references linked and oddities of OpenAPI mended. */
import { createRequire } from 'node:module'
import type { Schema } from './schema.ts'

export type Definitions = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** As generated: OpenAPI 3 components by their full Go name. */
export const builtInDefinitions = createRequire(import.meta.url)(
  './generated/kubernetes-1.34.json',
) as Definitions

const REFERENCE = '#/components/schemas/'
const linked = new Map<string, Record<string, unknown>>()

/** @throws RangeError for a name that generated/ does not contain */
export function builtInSchema(name: string): Schema {
  const known = linked.get(name)
  if (known !== undefined) return known
  const definition = builtInDefinitions[name]
  if (definition === undefined) throw new RangeError(`no definition of ${name}`)
  // registered before it is filled: definitions such as JSONSchemaProps contain themselves
  const schema: Record<string, unknown> = {}
  linked.set(name, schema)
  Object.assign(schema, link(definition), mended[name])
  return schema
}

function link(node: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const base = referenced(node)
  const result: Record<string, unknown> = base === undefined ? {} : { ...base }
  for (const [keyword, value] of Object.entries(node)) {
    if (keyword === 'allOf' || keyword === '$ref') continue
    // most defaults are Go's zero values, which mean nothing; `protocol: TCP` is one that does
    if (keyword === 'default' && (typeof value !== 'string' || value === '')) continue
    result[keyword] = linkKeyword(keyword, value)
  }
  return result
}

function linkKeyword(keyword: string, value: unknown): unknown {
  if (keyword === 'properties')
    return lazily(value as Readonly<Record<string, Record<string, unknown>>>)
  if (keyword === 'items' || keyword === 'additionalProperties')
    return typeof value === 'object' ? lazyNode(value as Record<string, unknown>) : value
  return value
}

/** Linked when first looked at, so that cycles end. */
function lazily(nodes: Readonly<Record<string, Record<string, unknown>>>): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [field, node] of Object.entries(nodes)) {
    Object.defineProperty(result, field, {
      enumerable: true,
      configurable: true,
      get() {
        const value = link(node)
        Object.defineProperty(result, field, { enumerable: true, value })
        return value
      },
    })
  }
  return result
}

const lazyNode = (node: Record<string, unknown>): unknown => {
  const name = referenceName(node)
  return name === undefined ? link(node) : builtInSchema(name)
}

function referenced(node: Readonly<Record<string, unknown>>): Schema | undefined {
  const name = referenceName(node)
  return name === undefined ? undefined : builtInSchema(name)
}

function referenceName(node: Readonly<Record<string, unknown>>): string | undefined {
  const direct = node.$ref
  const [wrapped] = (node.allOf ?? []) as { $ref?: string }[]
  const reference = typeof direct === 'string' ? direct : wrapped?.$ref
  return reference?.startsWith(REFERENCE) ? reference.slice(REFERENCE.length) : undefined
}

/** What Go code knows and the published definitions do not say. */
const mended: Readonly<Record<string, Record<string, unknown>>> = {
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': {
    'x-kubernetes-preserve-unknown-fields': true,
  },
  'io.k8s.apimachinery.pkg.api.resource.Quantity': {
    'x-kubernetes-int-or-string': true,
    oneOf: undefined,
  },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': {
    'x-kubernetes-int-or-string': true,
    oneOf: undefined,
  },
  // raw JSON of any type: defaults, enum values, examples
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': anyJson(),
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': anyJson(),
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': anyJson(),
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray':
    anyJson(),
}

function anyJson(): Record<string, unknown> {
  return { type: undefined, 'x-kubernetes-preserve-unknown-fields': true }
}
