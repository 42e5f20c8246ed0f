/** KubePort over HTTP: paths, media types and the shape of answers. */
import assert from 'node:assert/strict'
import { fieldManager } from '@miniredis/crds'
import { z } from 'zod'
import { isSameJson } from './difference.ts'
import { isKubeError, KubeError } from './errors.ts'
import type { KubeObject, ObjectName, ResourceType, Stored } from './object.ts'
import type {
  DeleteOptions,
  KubePort,
  ListOptions,
  ObjectList,
  Scope,
  WatchEvent,
  WatchOptions,
} from './port.ts'
import { parseAnswer, rawObjectSchema, stored } from './raw-object.ts'
import type { ApiRequest, Transport } from './transport.ts'
import { type RawEvent, WatchDecoder } from './watch-decoder.ts'

const listSchema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(rawObjectSchema).nullable(),
})

/** Fields that the schema does not know are an error of ours, not something to drop silently. */
const writing = { fieldManager, fieldValidation: 'Strict' } as const

export class KubeClient implements KubePort {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  async get<T extends KubeObject>(type: ResourceType<T>, name: ObjectName) {
    try {
      return await this.#send(type, { verb: 'get', method: 'GET', path: objectPath(type, name) })
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return undefined
      throw error
    }
  }

  async list<T extends KubeObject>(
    type: ResourceType<T>,
    { namespace, limit, labelSelector, fieldSelector, continue: token }: ListOptions = {},
  ): Promise<ObjectList<T>> {
    const answer = await this.#transport.request({
      verb: 'list',
      resource: type.plural,
      method: 'GET',
      path: listPath(type, namespace),
      query: { limit, labelSelector, fieldSelector, continue: token },
    })
    const { metadata, items } = parseAnswer(listSchema, answer)
    return {
      items: (items ?? []).map((item) => stored(type, item)),
      resourceVersion: metadata.resourceVersion,
      ...(metadata.continue && { continue: metadata.continue }),
    }
  }

  async apply<T extends KubeObject>(type: ResourceType<T>, object: T) {
    return this.#send(type, {
      ...applyRequest(object),
      verb: 'apply',
      path: objectPath(type, object.metadata),
    })
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: T) {
    const path = listPath(type, object.metadata.namespace)
    return this.#send(type, { verb: 'create', method: 'POST', path, query: writing, body: object })
  }

  async replace<T extends KubeObject>(type: ResourceType<T>, object: Stored<T>) {
    assert(object.metadata.resourceVersion, 'replace needs the resourceVersion that was read')
    const path = objectPath(type, object.metadata)
    return this.#send(type, { verb: 'replace', method: 'PUT', path, query: writing, body: object })
  }

  async merge<T extends KubeObject>(type: ResourceType<T>, name: ObjectName, patch: object) {
    return this.#send(type, {
      verb: 'merge',
      method: 'PATCH',
      path: objectPath(type, name),
      query: writing,
      contentType: 'application/merge-patch+json',
      body: patch,
    })
  }

  async patchStatus<T extends KubeObject & { readonly status?: unknown }>(
    type: ResourceType<T>,
    { metadata, status: present }: T,
    status: NonNullable<T['status']>,
  ): Promise<boolean> {
    if (isSameJson(present, status)) return false
    const { name, namespace, uid } = metadata
    const { apiVersion, kind } = type
    await this.#send(type, {
      ...applyRequest({ apiVersion, kind, metadata: { name, namespace, uid }, status }),
      verb: 'patchStatus',
      path: `${objectPath(type, metadata)}/status`,
    })
    return true
  }

  async delete(
    type: ResourceType,
    name: ObjectName,
    { uid, resourceVersion, propagation = 'Background', gracePeriodSeconds }: DeleteOptions = {},
  ): Promise<void> {
    const request: ApiRequest = {
      verb: 'delete',
      resource: type.plural,
      method: 'DELETE',
      path: objectPath(type, name),
      body: {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions: { uid, resourceVersion },
        propagationPolicy: propagation,
        gracePeriodSeconds,
      },
    }
    await this.#transport.request(request).catch((error: unknown) => {
      if (!isKubeError(error, 'NotFound')) throw error
    })
  }

  async *watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void> {
    try {
      const decoder = new WatchDecoder()
      const body = await this.#transport.stream(watchRequest(type, options), options.signal)
      for await (const chunk of body) {
        for (const event of decoder.decode(chunk)) yield watchEvent(type, event)
      }
    } catch (cause) {
      if (options.signal.aborted) return
      if (cause instanceof KubeError) throw cause
      throw new KubeError('Unavailable', `watch ${type.plural}: the stream broke`, { cause })
    }
  }

  async #send<T extends KubeObject>(
    type: ResourceType<T>,
    request: Omit<ApiRequest, 'resource'>,
  ): Promise<Stored<T>> {
    const answer = await this.#transport.request({ ...request, resource: type.plural })
    return stored(type, parseAnswer(rawObjectSchema, answer))
  }
}

const applyRequest = (body: object) =>
  ({
    method: 'PATCH',
    query: { ...writing, force: true },
    contentType: 'application/apply-patch+yaml',
    body,
  }) as const

function watchRequest(
  type: ResourceType,
  { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds }: WatchOptions,
): ApiRequest {
  return {
    verb: 'watch',
    resource: type.plural,
    method: 'GET',
    path: listPath(type, namespace),
    query: {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion,
      timeoutSeconds,
      labelSelector,
      fieldSelector,
    },
  }
}

function listPath({ apiVersion, plural }: ResourceType, namespace: Scope['namespace']): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return namespace === undefined
    ? `${root}/${plural}`
    : `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`
}

function objectPath(type: ResourceType, { namespace, name }: ObjectName): string {
  assert(name !== '', 'an object has a name')
  assert.equal(type.namespaced, namespace !== undefined, `namespace of ${type.kind} ${name}`)
  return `${listPath(type, namespace)}/${encodeURIComponent(name)}`
}

function watchEvent<T extends KubeObject>(type: ResourceType<T>, event: RawEvent): WatchEvent<T> {
  if (event.kind === 'bookmark') return event
  return { kind: event.kind, object: stored(type, event.object) }
}
