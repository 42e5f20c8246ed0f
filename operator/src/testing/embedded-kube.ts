/** KubePort over the embedded API's store: the operator's test double for a real API server. */

import { fieldManager } from '@miniredis/crds'
import {
  ApiError,
  type ApiStore,
  type Resource,
  type KubeObject as StoreObject,
} from '@miniredis/embedded'
import { isSameJson } from '../kube/difference.ts'
import { isKubeError, KubeError } from '../kube/errors.ts'
import type { KubeObject, ObjectName, ResourceType, Stored } from '../kube/object.ts'
import type { KubePort } from '../kube/port.ts'
import { statusError } from '../kube/status-error.ts'

export interface Write {
  readonly verb: 'create' | 'apply' | 'replace' | 'merge' | 'patchStatus' | 'delete'
  readonly kind: string
  readonly name: string
}

export interface EmbeddedKube extends KubePort {
  /** Every write that was tried, oldest first. */
  readonly writes: Write[]
  /** Every list that was read. */
  readonly lists: string[]
  /** Called before each request, reads too; may throw: then nothing has happened. */
  interfere: (request: string) => void
  /** Called after each request; may throw: it has happened, and the operator does not know. */
  loseAnswer: (request: string) => void
}

export const resourceOf = ({ apiVersion, plural }: ResourceType): Resource => {
  const [version = '', group = ''] = apiVersion.split('/').reverse()
  return { group, version, plural }
}

type Ask = <T>(request: string, run: () => T) => Promise<T>
type Note = (verb: Write['verb'], type: ResourceType, name: string) => string

const by = { fieldManager }

export function createEmbeddedKube(store: ApiStore): EmbeddedKube {
  const writes: Write[] = []
  const lists: string[] = []
  const ask: Ask = async (request, run) => {
    kube.interfere(request)
    try {
      const answer = run()
      kube.loseAnswer(request)
      return answer
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      const { status } = error
      throw statusError({ status: status.code, body: { ...status }, request } as never)
    }
  }
  const note: Note = (verb, { kind }, name) => {
    writes.push({ verb, kind, name })
    return `${verb} ${kind} ${name}`
  }
  const kube: EmbeddedKube = {
    writes,
    lists,
    interfere: () => {},
    loseAnswer: () => {},
    ...readsOf(store, ask, lists),
    ...writesOf(store, ask, note),
    patchStatus: patchStatusOf(store, ask, note),
  }
  return kube
}

function readsOf(
  store: ApiStore,
  ask: Ask,
  lists: string[],
): Pick<KubePort, 'get' | 'list' | 'watch'> {
  return {
    get: async <T extends KubeObject>(type: ResourceType<T>, name: ObjectName) => {
      try {
        const run = () => store.get(resourceOf(type), name)
        return asStored<T>(await ask(`get ${type.kind} ${name.name}`, run))
      } catch (error) {
        if (isKubeError(error, 'NotFound')) return undefined
        throw error
      }
    },
    list: async (type, options = {}) => {
      lists.push(type.kind)
      const page = await ask(`list ${type.kind}`, () => store.list(resourceOf(type), options))
      const { resourceVersion, continue: more } = page.metadata
      const items = page.items.map((item) => asStored<never>(item))
      return { items, resourceVersion, ...(more !== undefined && { continue: more }) }
    },
    watch: () => {
      throw new KubeError('Unavailable', 'the test double has no watches: refresh its caches')
    },
  }
}

function writesOf(
  store: ApiStore,
  ask: Ask,
  note: Note,
): Pick<KubePort, 'apply' | 'create' | 'replace' | 'merge' | 'delete'> {
  return {
    apply: async (type, object) => {
      const patch = { kind: 'apply', body: object, force: true } as const
      const run = () => store.patch(resourceOf(type), keyOf(object), patch, by)
      return asStored<never>(await ask(note('apply', type, object.metadata.name), run))
    },
    create: async (type, object) => {
      const run = () => store.create(resourceOf(type), object as never, by)
      return asStored<never>(await ask(note('create', type, object.metadata.name), run))
    },
    replace: async (type, object) => {
      const run = () => store.update(resourceOf(type), object as never, by)
      return asStored<never>(await ask(note('replace', type, object.metadata.name), run))
    },
    merge: async (type, name, body) => {
      const run = () => store.patch(resourceOf(type), name, { kind: 'merge', body }, by)
      return asStored<never>(await ask(note('merge', type, name.name), run))
    },
    delete: async (type, name, { uid, resourceVersion } = {}) => {
      const preconditions = { uid, resourceVersion }
      const run = () => store.delete(resourceOf(type), name, { preconditions })
      await ask(note('delete', type, name.name), run).catch((error: unknown) => {
        if (!isKubeError(error, 'NotFound')) throw error
      })
    },
  }
}

function patchStatusOf(store: ApiStore, ask: Ask, note: Note): KubePort['patchStatus'] {
  return async (type, { metadata, status: present }, status) => {
    if (isSameJson(present, status)) return false
    const { apiVersion, kind } = type
    const { name, namespace, uid } = metadata
    const body = { apiVersion, kind, metadata: { name, namespace, uid }, status }
    const patch = { kind: 'apply', body, force: true } as const
    const options = { ...by, subresource: 'status' } as const
    await ask(note('patchStatus', type, name), () =>
      store.patch(resourceOf(type), keyOf({ metadata }), patch, options),
    )
    return true
  }
}

const keyOf = ({ metadata }: Pick<KubeObject, 'metadata'>) => ({
  namespace: metadata.namespace,
  name: metadata.name,
})

/** As the operator's client keeps objects: plain, without managedFields. */
export function asStored<T extends KubeObject>(object: StoreObject): Stored<T> {
  const { managedFields: _, ...metadata } = object.metadata
  return structuredClone({ ...object, metadata }) as unknown as Stored<T>
}
