/** OpenAPI documents: v3 per group and version, v2 as one. For kubectl explain, apply and --dry-run. Pure. */
import { createHash } from 'node:crypto'
import { reviewKinds } from '../registry/built-in-kinds.ts'
import type { Registry } from '../registry/registry.ts'
import type { ResourceDefinition } from '../registry/resource-definition.ts'
import { builtInDefinitions } from '../schema/built-in-schemas.ts'
import { everyPatchType } from './content-type.ts'
import { groupVersions, versionInfo } from './discovery.ts'

const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
const LIST_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta'
const V3 = '#/components/schemas/'
const V2 = '#/definitions/'

type Node = Readonly<Record<string, unknown>>

const info = { title: 'Kubernetes', version: versionInfo.gitVersion }

const pathOf = (group: string, version: string): string =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`

/** GET /openapi/v3: where the documents are. The hash changes with the content. */
export function openApiIndex(registry: Registry) {
  const paths = [...groupVersions(registry)].flatMap(([group, versions]) =>
    versions.map((version) => {
      const path = pathOf(group, version)
      const text = JSON.stringify(openApiV3(registry, group, version))
      const hash = createHash('sha256').update(text).digest('hex').slice(0, 32).toUpperCase()
      return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const
    }),
  )
  return { paths: Object.fromEntries(paths) }
}

/** GET /openapi/v3/…; `undefined` when the group and version do not exist. */
export function openApiV3(registry: Registry, group: string, version: string) {
  const definitions = definitionsOf(registry, group, version)
  const reviews = reviewsOf(group, version)
  if (definitions.length + reviews.length === 0) return undefined
  const schemas = collectSchemas(definitions, [
    ...reviews.map(({ component }) => component),
    'io.k8s.api.autoscaling.v1.Scale',
    'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
  ])
  return {
    openapi: '3.0.0',
    info,
    paths: Object.fromEntries(definitions.flatMap(buildPaths)),
    components: { schemas: Object.fromEntries(schemas) },
  }
}

/** GET /openapi/v2 */
export function openApiV2(registry: Registry) {
  const schemas = collectSchemas(
    registry.all(),
    reviewKinds.map(({ component }) => component),
  )
  const definitions = [...schemas].map(([name, schema]) => [name, toV2(schema)] as const)
  return {
    swagger: '2.0',
    info,
    paths: {},
    definitions: Object.fromEntries(definitions),
  }
}

const definitionsOf = (registry: Registry, group: string, version: string) =>
  registry.all().filter(({ resource }) => resource.group === group && resource.version === version)

const reviewsOf = (group: string, version: string) =>
  reviewKinds.filter(({ resource }) => resource.group === group && resource.version === version)

function collectSchemas(
  definitions: readonly ResourceDefinition[],
  others: readonly string[],
): Map<string, Node> {
  const schemas = new Map<string, Node>()
  const add = (name: string): void => {
    const schema = builtInDefinitions[name]
    if (schema === undefined || schemas.has(name)) return
    schemas.set(name, schema)
    for (const [, next = ''] of JSON.stringify(schema).matchAll(/components\/schemas\/([^"]+)/g))
      add(next)
  }
  for (const name of [OBJECT_META, LIST_META, ...others]) add(name)
  for (const definition of definitions) {
    if (definition.isCustom) schemas.set(definition.component, customSchema(definition))
    else add(definition.component)
    schemas.set(`${definition.component}List`, listSchema(definition))
  }
  return schemas
}

const gvk = ({ resource: { group, version } }: ResourceDefinition, kind: string) => ({
  group,
  version,
  kind,
})

function customSchema(definition: ResourceDefinition): Node {
  const { schema, kind } = definition
  const metadata = {
    description: "Standard object's metadata.",
    allOf: [{ $ref: `${V3}${OBJECT_META}` }],
  }
  return {
    ...(withoutRules(schema) as Node),
    properties: {
      ...(withoutRules(schema.properties) as Node),
      apiVersion: { type: 'string', description: 'Versioned schema of this object.' },
      kind: { type: 'string', description: 'REST resource that this object represents.' },
      metadata,
    },
    'x-kubernetes-group-version-kind': [gvk(definition, kind)],
  }
}

/** Clients have no use for CEL and the document is read by humans too. */
function withoutRules(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutRules)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'x-kubernetes-validations')
      .map(([key, child]) => [key, withoutRules(child)]),
  )
}

function listSchema(definition: ResourceDefinition): Node {
  const { component, listKind } = definition
  return {
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { allOf: [{ $ref: `${V3}${LIST_META}` }] },
      items: { type: 'array', items: { allOf: [{ $ref: `${V3}${component}` }] } },
    },
    'x-kubernetes-group-version-kind': [gvk(definition, listKind)],
  }
}

const query = (name: string, type = 'string', description = '') => ({
  name,
  in: 'query',
  description,
  schema: { type, uniqueItems: true },
})

const writeParameters = [
  query('dryRun', 'string', 'All: everything but the write itself.'),
  query('fieldManager'),
  query('fieldValidation', 'string', 'Strict, Warn or Ignore unknown and duplicate fields.'),
]

const listParameters = [
  'allowWatchBookmarks:boolean',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit:integer',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents:boolean',
  'timeoutSeconds:integer',
  'watch:boolean',
].map((one) => {
  const [name = '', type] = one.split(':')
  return query(name, type)
})

const deleteParameters = [
  query('dryRun'),
  query('gracePeriodSeconds', 'integer'),
  query('propagationPolicy'),
]

function buildPaths(definition: ResourceDefinition): [string, Node][] {
  const { resource, isNamespaced } = definition
  const base = `/${pathOf(resource.group, resource.version)}`
  const scope = isNamespaced ? '/namespaces/{namespace}' : ''
  const all = `${base}${scope}/${resource.plural}`
  const paths: [string, Node][] = [
    [all, collectionPath(definition)],
    [`${all}/{name}`, objectPath(definition)],
  ]
  for (const subresource of definition.subresources)
    if (subresource === 'status' || subresource === 'scale')
      paths.push([`${all}/{name}/${subresource}`, objectPath(definition)])
  if (isNamespaced)
    paths.push([
      `${base}/${resource.plural}`,
      { get: operation(definition, 'list', listParameters, `${definition.component}List`) },
    ])
  return paths
}

function operation(
  definition: ResourceDefinition,
  action: string,
  parameters: readonly unknown[],
  answer = definition.component,
  body?: Node,
): Node {
  return {
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk(definition, definition.kind),
    parameters,
    ...(body !== undefined && { requestBody: body }),
    responses: { 200: { description: 'OK', content: jsonContent(answer) } },
  }
}

const jsonContent = (component: string) => ({
  'application/json': { schema: { $ref: `${V3}${component}` } },
})

const objectBody = ({ component }: ResourceDefinition) => ({
  required: true,
  content: jsonContent(component),
})

const patchBody = ({ isCustom }: ResourceDefinition) => ({
  required: true,
  content: Object.fromEntries(
    everyPatchType
      .filter((type) => !isCustom || !type.includes('strategic'))
      .map((type) => [type, { schema: { type: 'object' } }]),
  ),
})

const collectionPath = (definition: ResourceDefinition): Node => ({
  get: operation(definition, 'list', listParameters, `${definition.component}List`),
  post: operation(definition, 'post', writeParameters, undefined, objectBody(definition)),
  delete: operation(definition, 'deletecollection', [...listParameters, ...deleteParameters]),
})

const objectPath = (definition: ResourceDefinition): Node => ({
  get: operation(definition, 'get', []),
  put: operation(definition, 'put', writeParameters, undefined, objectBody(definition)),
  patch: operation(
    definition,
    'patch',
    [...writeParameters, query('force', 'boolean')],
    undefined,
    patchBody(definition),
  ),
  delete: operation(definition, 'delete', deleteParameters),
})

/** Version 2 knows no `nullable`, no `oneOf`, and refers to definitions directly. */
function toV2(schema: Node): Node {
  const { allOf, oneOf, nullable: _, default: __, ...rest } = schema
  const [wrapped] = (allOf ?? []) as Node[]
  const flat: Record<string, unknown> = { ...rest, ...wrapped }
  if (oneOf !== undefined && flat.type === undefined) flat.type = 'string'
  if (typeof flat.$ref === 'string') flat.$ref = flat.$ref.replace(V3, V2)
  if (isNode(flat.properties))
    flat.properties = Object.fromEntries(
      Object.entries(flat.properties).map(([field, child]) => [field, toV2(child as Node)]),
    )
  for (const keyword of ['items', 'additionalProperties']) {
    const child = flat[keyword]
    if (isNode(child)) flat[keyword] = toV2(child)
  }
  return flat
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null
