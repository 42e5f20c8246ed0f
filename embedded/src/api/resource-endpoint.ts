/** Resources over HTTP: verbs, options and forms of answers, each handed to the store. */
import type { Registry } from '../registry/registry.ts'
import type { ResourceDefinition } from '../registry/resource-definition.ts'
import { forbiddenValue } from '../schema/field-error.ts'
import { isFields } from '../schema/schema.ts'
import {
  ApiError,
  badRequest,
  invalidOptions,
  methodNotAllowed,
  type Status,
} from '../store/api-error.ts'
import type { ApiStore, ObjectList, Patch, WriteOptions } from '../store/api-store.ts'
import { noSuchResource } from '../store/cluster-store.ts'
import { apiVersionOf, type KubeObject, type ObjectInput } from '../store/kube-object.ts'
import { type Answer, bodyKind, type Form, negotiate, patchKind } from './content-type.ts'
import type { Exchange } from './exchange.ts'
import type { ParsedBody } from './json-body.ts'
import { type PodLogs, serveLog } from './log-endpoint.ts'
import { deleteOptions, includeObject, versionMatch, writeOptions } from './options.ts'
import type { ResourcePath } from './request-path.ts'
import { buildTable, metadataListView, metadataView } from './table.ts'
import type { ApiTimers } from './timers.ts'
import { serveWatch } from './watch-endpoint.ts'

export interface ResourceContext {
  readonly store: ApiStore
  readonly registry: Registry
  readonly timers: ApiTimers
  readonly logs: PodLogs | undefined
}

interface Target extends ResourceContext {
  readonly exchange: Exchange
  readonly path: ResourcePath
  readonly definition: ResourceDefinition
}

const forms: readonly Form[] = ['object', 'table', 'metadata']

/** @throws ApiError for everything that has no good answer */
export async function serveResource(
  exchange: Exchange,
  path: ResourcePath,
  context: ResourceContext,
): Promise<void> {
  const definition = context.registry.find(path.resource)
  if (definition === undefined) throw noSuchResource()
  const target = { ...context, exchange, path, definition }
  checkPath(target)
  if (path.subresource === 'log') return serveLog(exchange, path, context)
  switch (exchange.method) {
    case 'GET':
    case 'HEAD':
      return read(target)
    case 'POST':
      return create(target)
    case 'PUT':
      return update(target)
    case 'PATCH':
      return patch(target)
    case 'DELETE':
      return remove(target)
    default:
      throw methodNotAllowed(path.resource, exchange.method)
  }
}

function checkPath({ definition, path, exchange }: Target): void {
  const { namespace, name, subresource } = path
  if (namespace !== undefined && !definition.isNamespaced) throw noSuchResource()
  if (namespace === undefined && name !== undefined && definition.isNamespaced)
    throw noSuchResource()
  if (subresource === undefined) return
  if (definition.subresources.some((one) => one === subresource)) return
  if (['exec', 'attach', 'portforward', 'proxy', 'eviction', 'token'].includes(subresource))
    throw new ApiError(
      501,
      'NotImplemented',
      `the embedded cluster does not implement ${definition.resource.plural}/${subresource} (${exchange.method})`,
    )
  throw noSuchResource()
}

function read(target: Target): void {
  const { exchange, path, store, definition } = target
  const answer = negotiate(exchange.request.headers.accept, forms)
  const { name, namespace, subresource } = path
  const isWatch = exchange.isSet('watch')
  if (isWatch) {
    serveWatch(exchange, { ...target, answer, includeObject: includeObject(exchange) })
    return
  }
  if (name === undefined) {
    list(target, answer)
    return
  }
  const door = subresource === 'scale' || subresource === 'status' ? subresource : undefined
  const object = store.get(definition.resource, { namespace, name }, door)
  sendObject(target, answer, 200, object)
}

function list(target: Target, answer: Answer): void {
  const { exchange, path, store, definition } = target
  if (exchange.query('sendInitialEvents') !== undefined)
    throw invalidOptions('ListOptions', [
      forbiddenValue('sendInitialEvents', 'sendInitialEvents is forbidden for list'),
    ])
  const page = store.list(definition.resource, {
    namespace: path.namespace,
    labelSelector: exchange.query('labelSelector'),
    fieldSelector: exchange.query('fieldSelector'),
    limit: exchange.number('limit'),
    continue: exchange.query('continue'),
    resourceVersion: exchange.query('resourceVersion'),
    resourceVersionMatch: versionMatch(exchange),
  })
  if (answer.form === 'table')
    exchange.sendJson(200, buildTable(page.items, page.metadata, tableOptions(target)))
  else if (answer.form === 'metadata') exchange.sendJson(200, metadataListView(page))
  else exchange.sendJson(200, listView(definition, page))
}

/** Items of built-in lists say no kind: that of the list says it. */
const listView = ({ isCustom }: ResourceDefinition, list: ObjectList) =>
  isCustom
    ? list
    : { ...list, items: list.items.map(({ apiVersion: _, kind: __, ...item }) => item) }

const tableOptions = ({ definition, timers, exchange }: Target) => ({
  definition,
  nowMs: timers.now(),
  includeObject: includeObject(exchange),
  hasColumns: true,
})

function sendObject(target: Target, answer: Answer, code: number, object: KubeObject): void {
  const { exchange } = target
  if (answer.form === 'table') {
    const { resourceVersion } = object.metadata
    exchange.sendJson(code, buildTable([object], { resourceVersion }, tableOptions(target)))
  } else exchange.sendJson(code, answer.form === 'metadata' ? metadataView(object) : object)
}

async function create(target: Target): Promise<void> {
  const { exchange, path, store, definition } = target
  const { name, namespace, subresource } = path
  if (name !== undefined && subresource !== 'binding')
    throw methodNotAllowed(definition.resource, 'POST')
  const answer = negotiate(exchange.request.headers.accept, forms)
  const body = await exchange.readBody(bodyKind(exchange.request.headers['content-type']))
  const options = writeOptions(exchange, body)
  const input = inNamespace(objectOf(body), namespace, name)
  if (subresource === 'binding') {
    store.create(definition.resource, input, { ...options, subresource: 'binding' })
    exchange.sendJson(201, success(201))
    return
  }
  sendObject(target, answer, 201, store.create(definition.resource, input, options))
}

async function update(target: Target): Promise<void> {
  const { exchange, path, store, definition } = target
  const { name, namespace, subresource } = path
  if (name === undefined) throw methodNotAllowed(definition.resource, 'PUT')
  const answer = negotiate(exchange.request.headers.accept, forms)
  const body = await exchange.readBody(bodyKind(exchange.request.headers['content-type']))
  const options = { ...writeOptions(exchange, body), ...door(subresource) }
  const object = objectOf(body)
  if (isFields(object.metadata ?? {}) && !object.metadata?.name) throw undetermined(name)
  const input = inNamespace(object, namespace, name)
  sendObject(target, answer, 200, store.update(definition.resource, input, options))
}

async function patch(target: Target): Promise<void> {
  const { exchange, path, store, definition } = target
  const { name, namespace, subresource } = path
  if (name === undefined) throw methodNotAllowed(definition.resource, 'PATCH')
  const answer = negotiate(exchange.request.headers.accept, forms)
  const kind = patchKind(exchange.request.headers['content-type'])
  const body = await exchange.readBody(kind === 'apply' ? 'yaml' : 'json')
  const options = { ...writeOptions(exchange, body, kind === 'apply'), ...door(subresource) }
  const key = { namespace, name }
  const existed = store.find(definition.resource, key) !== undefined
  const force = exchange.isSet('force')
  if (kind === 'apply') requireType(body.value)
  if (kind === 'apply' && !existed) requireName(body.value, name)
  const change = { kind, body: body.value, ...(kind === 'apply' && { force }) } as Patch
  const object = store.patch(definition.resource, key, change, options)
  sendObject(target, answer, existed ? 200 : 201, object)
}

async function remove(target: Target): Promise<void> {
  const { exchange, path, store, definition } = target
  const { name, namespace } = path
  const body = await exchange.readBody(bodyKind(exchange.request.headers['content-type']))
  const options = deleteOptions(exchange, body.value)
  if (name !== undefined) {
    const result = store.delete(definition.resource, { namespace, name }, options)
    exchange.sendJson(
      200,
      result.isGone && !returnedWhenGone.has(definition.kind)
        ? deletedStatus(definition, result.object)
        : result.object,
    )
    return
  }
  if (namespace === undefined && definition.isNamespaced)
    throw methodNotAllowed(definition.resource, 'DELETE')
  const items = store.deleteCollection(
    definition.resource,
    {
      namespace,
      labelSelector: exchange.query('labelSelector'),
      fieldSelector: exchange.query('fieldSelector'),
    },
    options,
  )
  const { listKind: kind } = definition
  const metadata = {
    resourceVersion: store.list(definition.resource, { limit: 1 }).metadata.resourceVersion,
  }
  const list = { apiVersion: apiVersionOf(definition.resource), kind, metadata, items }
  exchange.sendJson(200, listView(definition, list))
}

/** Kinds whose last state answers a DELETE; of all others only name and UID. */
const returnedWhenGone: ReadonlySet<string> = new Set([
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Pod',
  'Service',
  'ServiceAccount',
])

const undetermined = (name: string): ApiError =>
  badRequest(
    `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
  )

/** Whoever creates an object by applying it repeats its name. */
function requireName(body: unknown, name: string): void {
  const metadata = isFields(body) ? body.metadata : undefined
  if (!isFields(metadata) || !metadata.name) throw undetermined(name)
}

/** Whoever applies says what; inside the process that is known anyway. */
function requireType(body: unknown): void {
  if (isFields(body) && body.apiVersion !== undefined && body.kind !== undefined) return
  throw badRequest('invalid object type: an applied object needs apiVersion and kind')
}

const success = (code: number): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  code,
})

function deletedStatus({ resource }: ResourceDefinition, { metadata }: KubeObject): Status {
  const { code: _, ...rest } = success(200)
  const { group, plural } = resource
  const details = { name: metadata.name, ...(group !== '' && { group }), kind: plural }
  return { ...rest, code: 200, details: { ...details, uid: metadata.uid } }
}

function objectOf({ value }: ParsedBody): ObjectInput {
  if (isFields(value)) return value as ObjectInput
  throw badRequest('the body of the request must be an object')
}

/** The URL decides about namespace and name; a body that says otherwise is a mistake. */
function inNamespace(
  object: ObjectInput,
  namespace: string | undefined,
  name: string | undefined,
): ObjectInput {
  const metadata = object.metadata ?? {}
  if (!isFields(metadata)) throw badRequest('metadata must be an object')
  const given = metadata.namespace
  if (namespace !== undefined && given !== undefined && given !== '' && given !== namespace)
    throw badRequest(
      `the namespace of the provided object does not match the namespace sent on the request`,
    )
  if (name !== undefined && metadata.name !== undefined && metadata.name !== name)
    throw badRequest(
      `the name of the object (${String(metadata.name)}) does not match the name on the URL (${name})`,
    )
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(namespace !== undefined && { namespace }),
      ...(name !== undefined && { name }),
    },
  }
}

const door = (subresource: string | undefined): Pick<WriteOptions, 'subresource'> =>
  subresource === 'status' || subresource === 'scale' ? { subresource } : {}
