/**
 * What Kubernetes leaves to its controller manager: objects whose owners are gone, the contents of
 * namespaces and of CRDs that are being deleted, and old Events.
 *
 * Works on a set of names, deferred and deduplicated, so that one deletion never runs inside another.
 */
import { CUSTOM_RESOURCE_FINALIZER } from '../registry/custom-resource-definitions.ts'
import { definitionsCollection, type Registry } from '../registry/registry.ts'
import type { ResourceDefinition } from '../registry/resource-definition.ts'
import { ApiError } from './api-error.ts'
import type { ClusterStore } from './cluster-store.ts'
import { FOREGROUND, ORPHAN } from './deletion.ts'
import type { KubeObject, OwnerReference } from './kube-object.ts'
import type { Change, ObjectTable } from './object-table.ts'

export const EVENTS_MAX = 5_000
export const EVENT_LIFETIME_MS = 3_600_000
const EVENT_SWEEP_MS = 60_000

const NAMESPACES = 'namespaces'
const EVENTS = 'events'

interface Located {
  readonly collection: string
  readonly namespace: string | undefined
  readonly name: string
}

const locate = (collection: string, { metadata: { namespace, name } }: KubeObject): Located => ({
  collection,
  namespace,
  name,
})

const keyOf = ({ collection, namespace, name }: Located): string =>
  `${collection}/${namespace ?? ''}/${name}`

interface Options {
  readonly table: ObjectTable
  readonly registry: Registry
  readonly store: ClusterStore
  readonly now: () => number
  readonly defer: (task: () => void) => void
}

export class Collector {
  readonly #options: Options
  readonly #dependents = new Map<string, Map<string, Located>>()
  readonly #uids = new Map<string, Located>()
  readonly #pending = new Map<string, Located>()
  #isPlanned = false
  #sweptMs = 0

  constructor(options: Options) {
    this.#options = options
    const { table } = options
    for (const collection of table.collections())
      for (const object of table.list(collection)) this.#index(collection, object)
    // whatever a stopped process left half-done
    for (const collection of table.collections())
      for (const object of table.list(collection)) this.#enqueue(locate(collection, object))
    table.onChange((change) => this.#react(change))
  }

  #react({ collection, before, after }: Change): void {
    const object = after ?? before
    if (object === undefined) return
    if (before !== undefined) this.#unindex(collection, before)
    if (after !== undefined) this.#index(collection, after)
    this.#enqueue(locate(collection, object))
    if (after !== undefined) return
    for (const dependent of this.#dependentsOf(object)) this.#enqueue(dependent)
    this.#enqueueHolders(collection, object)
  }

  /** A namespace, a CRD or an owner may wait for just this object to be gone. */
  #enqueueHolders(collection: string, { metadata }: KubeObject): void {
    if (metadata.namespace !== undefined)
      this.#enqueue({ collection: NAMESPACES, namespace: undefined, name: metadata.namespace })
    this.#enqueue({ collection: definitionsCollection, namespace: undefined, name: collection })
    for (const { uid } of metadata.ownerReferences ?? []) {
      const owner = this.#uids.get(uid)
      if (owner !== undefined) this.#enqueue(owner)
    }
  }

  #index(collection: string, object: KubeObject): void {
    const located = locate(collection, object)
    this.#uids.set(object.metadata.uid, located)
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const known = this.#dependents.get(uid) ?? new Map<string, Located>()
      known.set(keyOf(located), located)
      this.#dependents.set(uid, known)
    }
  }

  #unindex(collection: string, object: KubeObject): void {
    this.#uids.delete(object.metadata.uid)
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const known = this.#dependents.get(uid)
      known?.delete(keyOf(locate(collection, object)))
      if (known?.size === 0) this.#dependents.delete(uid)
    }
  }

  #dependentsOf({ metadata }: KubeObject): Located[] {
    return [...(this.#dependents.get(metadata.uid)?.values() ?? [])]
  }

  #enqueue(located: Located): void {
    this.#pending.set(keyOf(located), located)
    if (this.#isPlanned) return
    this.#isPlanned = true
    this.#options.defer(() => this.#run())
  }

  #run(): void {
    this.#isPlanned = false
    const batch = [...this.#pending.values()]
    this.#pending.clear()
    for (const located of batch) this.#collectSafely(located)
  }

  /** One object that may not be deleted must not keep all others from being collected. */
  #collectSafely(located: Located): void {
    try {
      this.#collect(located)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
    }
  }

  #collect(located: Located): void {
    const { table } = this.#options
    const object = table.get(located.collection, located.namespace, located.name)
    const definition = this.#definitionOf(located.collection)
    if (object === undefined || definition === undefined) return
    if (located.collection === EVENTS) this.#expireEvents(definition)
    if (this.#dropAbsentOwners(definition, object)) return
    if (object.metadata.deletionTimestamp === undefined) return
    if (located.collection === NAMESPACES) this.#emptyNamespace(definition, object)
    else if (located.collection === definitionsCollection) this.#emptyDefinition(definition, object)
    this.#finishOwner(definition, object)
  }

  #definitionOf(collection: string): ResourceDefinition | undefined {
    return this.#options.registry.stored().find((one) => one.collection === collection)
  }

  /** True when the object was deleted or rewritten because owners are gone. */
  #dropAbsentOwners(definition: ResourceDefinition, object: KubeObject): boolean {
    const { ownerReferences: owners = [] } = object.metadata
    const present = owners.filter((owner) => this.#isPresent(owner, object))
    if (present.length === owners.length) return false
    const { store } = this.#options
    if (present.length === 0) store.remove(definition, object, { propagationPolicy: 'Background' })
    else store.rewriteMetadata(definition, object, { ...object.metadata, ownerReferences: present })
    return true
  }

  /** Owners live in the same namespace or in none. */
  #isPresent({ uid }: OwnerReference, { metadata }: KubeObject): boolean {
    const owner = this.#uids.get(uid)
    if (owner === undefined) return false
    return owner.namespace === undefined || owner.namespace === metadata.namespace
  }

  #emptyNamespace(definition: ResourceDefinition, namespace: KubeObject): void {
    const { name, finalizers = [] } = namespace.metadata
    const isIn = ({ metadata }: KubeObject) => metadata.namespace === name
    if (this.#removeAll(isIn) || finalizers.length > 0) return
    this.#options.store.removeNamespace(definition, namespace)
  }

  #emptyDefinition(definition: ResourceDefinition, crd: KubeObject): void {
    const { name } = crd.metadata
    if (this.#removeAll(() => true, name)) return
    this.#dropFinalizer(definition, crd, CUSTOM_RESOURCE_FINALIZER)
  }

  /** Deletes what matches, in one collection or all. True while something is left. */
  #removeAll(matches: (object: KubeObject) => boolean, only?: string): boolean {
    const { table, registry, store } = this.#options
    const definitions = registry
      .stored()
      .filter(({ collection, isNamespaced }) =>
        only === undefined ? isNamespaced : collection === only,
      )
    for (const definition of definitions)
      for (const object of table.list(definition.collection).filter(matches))
        store.remove(definition, object, { propagationPolicy: 'Background' })
    return definitions.some(({ collection }) => table.list(collection).some(matches))
  }

  #finishOwner(definition: ResourceDefinition, owner: KubeObject): void {
    const { finalizers = [] } = owner.metadata
    if (finalizers.includes(FOREGROUND)) this.#deleteDependentsFirst(definition, owner)
    if (finalizers.includes(ORPHAN)) this.#orphanDependents(definition, owner)
  }

  #deleteDependentsFirst(definition: ResourceDefinition, owner: KubeObject): void {
    const { uid } = owner.metadata
    let isBlocked = false
    for (const [one, dependent] of this.#loaded(owner)) {
      const blocks = dependent.metadata.ownerReferences?.some(
        (reference) => reference.uid === uid && reference.blockOwnerDeletion === true,
      )
      const isGone = this.#options.store.remove(one, dependent, {
        propagationPolicy: 'Foreground',
      }).isGone
      if (blocks === true && !isGone) isBlocked = true
    }
    if (!isBlocked) this.#dropFinalizer(definition, owner, FOREGROUND)
  }

  #orphanDependents(definition: ResourceDefinition, owner: KubeObject): void {
    for (const [one, dependent] of this.#loaded(owner)) {
      const ownerReferences = (dependent.metadata.ownerReferences ?? []).filter(
        ({ uid }) => uid !== owner.metadata.uid,
      )
      this.#options.store.rewriteMetadata(one, dependent, {
        ...dependent.metadata,
        ownerReferences,
      })
    }
    this.#dropFinalizer(definition, owner, ORPHAN)
  }

  #loaded(owner: KubeObject): [ResourceDefinition, KubeObject][] {
    return this.#dependentsOf(owner).flatMap(({ collection, namespace, name }) => {
      const definition = this.#definitionOf(collection)
      const object = this.#options.table.get(collection, namespace, name)
      return definition === undefined || object === undefined ? [] : [[definition, object]]
    })
  }

  #dropFinalizer(definition: ResourceDefinition, object: KubeObject, finalizer: string): void {
    const { collection, namespace, name } = locate(definition.collection, object)
    const newest = this.#options.table.get(collection, namespace, name)
    const finalizers = newest?.metadata.finalizers
    if (newest === undefined || !finalizers?.includes(finalizer)) return
    this.#options.store.rewriteMetadata(definition, newest, {
      ...newest.metadata,
      finalizers: finalizers.filter((one) => one !== finalizer),
    })
  }

  /** Looks at most once a minute, or when there are too many; then a tenth more goes than must. */
  #expireEvents(definition: ResourceDefinition): void {
    const { table, store, now } = this.#options
    const events = table.list(EVENTS)
    const isFull = events.length > EVENTS_MAX
    if (!isFull && now() - this.#sweptMs < EVENT_SWEEP_MS) return
    this.#sweptMs = now()
    const lastSeen = ({ metadata, lastTimestamp }: KubeObject) =>
      Date.parse(String(lastTimestamp ?? metadata.creationTimestamp))
    const oldestFirst = [...events].sort((a, b) => lastSeen(a) - lastSeen(b))
    const surplus = isFull ? events.length - EVENTS_MAX + EVENTS_MAX / 10 : 0
    oldestFirst.forEach((event, index) => {
      const isOld = now() - lastSeen(event) > EVENT_LIFETIME_MS
      if (isOld || index < surplus) store.remove(definition, event, {})
    })
  }
}
