/** The API's verbs over the table: finds the definition, runs the write pipeline, commits, tells watches. */

import { timestamp } from '../clock.ts'
import { applyConfiguration, trackUpdate, type Writer } from '../patches/managed-fields.ts'
import { bindPod } from '../registry/pods.ts'
import type { Registry } from '../registry/registry.ts'
import {
  hasSubresource,
  type ResourceDefinition,
  type StrategyContext,
} from '../registry/resource-definition.ts'
import { invalidValue, requiredValue } from '../schema/field-error.ts'
import type { Fields } from '../schema/schema.ts'
import {
  ApiError,
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  invalid,
  invalidOptions,
  notFound,
  STALE_WRITE,
} from './api-error.ts'
import type {
  ApiStore,
  Call,
  DeleteOptions,
  DeleteResult,
  LabelAndFieldSelection,
  ListOptions,
  ObjectList,
  Patch,
  StoreEnvironment,
  Verb,
  Watch,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './api-store.ts'
import { isReleased, planDeletion } from './deletion.ts'
import { copyJson } from './json-equality.ts'
import {
  apiVersionOf,
  type KubeObject,
  type ManagedFieldsEntry,
  type ObjectInput,
  type ObjectKey,
  type Resource,
} from './kube-object.ts'
import { listPage, parseRevision, tooNew } from './list-page.ts'
import type { ObjectTable } from './object-table.ts'
import { parseApplied } from './parse-applied.ts'
import { checkPatchKind, patchObject } from './patch-object.ts'
import { readScale, writeScale } from './scale.ts'
import { type Predicate, parseFieldSelector, parseLabelSelector } from './selectors.ts'
import type { WatchHub } from './watch-hub.ts'
import {
  arrange,
  isUnchanged,
  keepServerFields,
  nextGeneration,
  parseInput,
  throwInvalid,
  validateDraft,
} from './write-pipeline.ts'

const GENERATED_NAME_TRIES = 8
const GENERATED_NAME_CHARACTERS = 'bcdfghjklmnpqrstvwxz2456789'
const GENERATED_NAME_PREFIX_LENGTH_MAX = 58
const UNKNOWN_MANAGER = 'unknown'

interface Options {
  readonly table: ObjectTable
  readonly registry: Registry
  readonly hub: WatchHub
  readonly environment: StoreEnvironment
}

export class ClusterStore implements ApiStore {
  readonly #table: ObjectTable
  readonly #registry: Registry
  readonly #hub: WatchHub
  readonly #environment: StoreEnvironment

  constructor({ table, registry, hub, environment }: Options) {
    this.#table = table
    this.#registry = registry
    this.#hub = hub
    this.#environment = environment
  }

  get(resource: Resource, key: ObjectKey, subresource?: 'status' | 'scale'): KubeObject {
    return this.#perform('get', resource, key, subresource, (definition) => {
      const object = this.#required(definition, key)
      return subresource === 'scale' ? readScale(definition, object) : present(definition, object)
    })
  }

  find(resource: Resource, key: ObjectKey): KubeObject | undefined {
    return this.#perform('get', resource, key, undefined, (definition) => {
      const object = this.#table.get(definition.collection, key.namespace, key.name)
      return object && present(definition, object)
    })
  }

  list(resource: Resource, options: ListOptions = {}): ObjectList {
    const key = { namespace: options.namespace }
    return this.#perform('list', resource, key, undefined, (definition) => {
      const page = listPage(this.#table, definition, options, selection(definition, options))
      return { ...page, items: page.items.map((object) => present(definition, object)) }
    })
  }

  watch(resource: Resource, options: WatchOptions, listener: (event: WatchEvent) => void): Watch {
    const key = { namespace: options.namespace }
    return this.#perform('watch', resource, key, undefined, (definition, call) => {
      const { resourceVersion = '', sendInitialEvents, allowWatchBookmarks = false } = options
      const after = parseRevision(resourceVersion === '' ? '0' : resourceVersion)
      if (after > this.#table.revision) throw tooNew(after, this.#table.revision)
      const startsWithExisting = sendInitialEvents ?? after === 0
      return this.#hub.open(
        {
          call,
          collection: definition.collection,
          apiVersion: apiVersionOf(definition.resource),
          kind: definition.kind,
          matches: selection(definition, options),
          afterRevision: startsWithExisting ? undefined : after || this.#table.revision,
          endsInitialEventsWithBookmark: sendInitialEvents === true && allowWatchBookmarks,
          allowsBookmarks: allowWatchBookmarks,
          convert: (object) => present(definition, object),
        },
        listener,
      )
    })
  }

  create(resource: Resource, object: ObjectInput, options: WriteOptions = {}): KubeObject {
    const key = { namespace: object.metadata?.namespace, name: object.metadata?.name }
    return this.#perform('create', resource, key, options.subresource, (definition) => {
      if (options.subresource === 'binding') return this.#bind(definition, object, options)
      const draft = parseInput(definition, object, options)
      return this.#insert(definition, draft, options, (entries) =>
        this.#track(definition, blankOf(definition, draft), draft, entries, options),
      )
    })
  }

  update(resource: Resource, object: ObjectInput, options: WriteOptions = {}): KubeObject {
    const { namespace, name = '' } = object.metadata ?? {}
    const key = { namespace, name }
    return this.#perform('update', resource, key, options.subresource, (definition) => {
      const old = this.#required(definition, key)
      if (options.subresource !== 'scale') return this.#replace(definition, old, object, options)
      const draft = writeScale(definition, old, object)
      const { subresource: _, ...rest } = options
      return readScale(definition, this.#replace(definition, old, draft, rest))
    })
  }

  patch(resource: Resource, key: ObjectKey, patch: Patch, options: WriteOptions = {}): KubeObject {
    return this.#perform('patch', resource, key, options.subresource, (definition) => {
      if (patch.kind === 'apply') return this.#apply(definition, key, patch, options)
      checkPatchKind(definition, patch)
      const old = this.#required(definition, key)
      if (options.subresource === 'scale') {
        const scale = patchObject(definition, readScale(definition, old), patch)
        const { subresource: _, ...rest } = options
        const draft = writeScale(definition, old, scale)
        return readScale(definition, this.#replace(definition, old, draft, rest))
      }
      const patched = patchObject(definition, present(definition, old), patch)
      return this.#replace(definition, old, patched, options, patch.body)
    })
  }

  delete(resource: Resource, key: ObjectKey, options: DeleteOptions = {}): DeleteResult {
    return this.#perform('delete', resource, key, undefined, (definition) =>
      this.remove(definition, this.#required(definition, key), options),
    )
  }

  deleteCollection(
    resource: Resource,
    filter: LabelAndFieldSelection,
    options: DeleteOptions = {},
  ): readonly KubeObject[] {
    const key = { namespace: filter.namespace }
    return this.#perform('deletecollection', resource, key, undefined, (definition) =>
      this.#table
        .list(definition.collection)
        .filter(selection(definition, filter))
        .map((object) => this.remove(definition, object, options).object),
    )
  }

  close(): void {
    this.#hub.closeAll()
    this.#table.close()
  }

  /** Deletes, for the collector too: no fault hook, no look-up. */
  remove(definition: ResourceDefinition, object: KubeObject, options: DeleteOptions): DeleteResult {
    const plan = planDeletion(object, options, this.#environment.now())
    if (options.dryRun === true)
      return { object: present(definition, object), isGone: plan.kind === 'remove' }
    switch (plan.kind) {
      case 'nothing':
        return { object: present(definition, object), isGone: false }
      case 'remove':
        this.#drop(definition, object)
        return { object: present(definition, object), isGone: true }
      case 'mark': {
        const status =
          object.kind === 'Namespace' ? { status: { phase: 'Terminating' } } : undefined
        const draft = { ...object, metadata: plan.metadata, ...status }
        const marked = this.#commit(definition, object, draft)
        return { object: present(definition, marked), isGone: false }
      }
    }
  }

  /** Writes metadata as it is given, for the collector; removes the object when nothing holds it. */
  rewriteMetadata(
    definition: ResourceDefinition,
    old: KubeObject,
    metadata: KubeObject['metadata'],
  ): void {
    const next = { ...old, metadata: withoutEmptyLists(metadata) }
    if (isReleased(next)) this.#drop(definition, old)
    else this.#commit(definition, old, next)
  }

  /** The namespace is empty. */
  removeNamespace(definition: ResourceDefinition, namespace: KubeObject): void {
    this.#drop(definition, namespace)
  }

  #perform<T>(
    verb: Verb,
    resource: Resource,
    key: Partial<ObjectKey>,
    subresource: string | undefined,
    run: (definition: ResourceDefinition, call: Call) => T,
  ): T {
    const definition = this.#registry.find(resource)
    if (definition === undefined) throw noSuchResource()
    const call = { verb, resource, key, subresource }
    this.#environment.faults?.before?.(call)
    checkScope(definition, verb, key)
    checkSubresource(definition, subresource)
    const result = run(definition, call)
    this.#environment.faults?.after?.(call)
    return result
  }

  #required(definition: ResourceDefinition, { namespace, name }: ObjectKey): KubeObject {
    const object = this.#table.get(definition.collection, namespace, name)
    if (object === undefined) throw notFound(definition.resource, name)
    return object
  }

  #insert(
    definition: ResourceDefinition,
    draft: Fields,
    options: WriteOptions,
    own: (entries: readonly ManagedFieldsEntry[]) => readonly ManagedFieldsEntry[],
  ): KubeObject {
    const metadata = draft.metadata as Fields
    const context = this.#context()
    this.#initialiseMetadata(definition, metadata, context.now)
    if (definition.isCustom && hasSubresource(definition, 'status')) delete draft.status
    definition.strategy.applyDefaults?.(draft)
    definition.strategy.prepareCreate?.(draft, context)
    validateDraft(definition, draft, undefined)
    this.#requireOpenNamespace(definition, metadata)
    const { namespace, name } = metadata as { namespace?: string; name: string }
    if (this.#table.get(definition.collection, namespace, name) !== undefined)
      throw alreadyExists(definition.resource, name)
    metadata.managedFields = own([])
    if (options.dryRun === true) return present(definition, arrange(draft))
    this.#allocate(definition, draft, context)
    return present(definition, this.#commit(definition, undefined, draft))
  }

  #initialiseMetadata(definition: ResourceDefinition, metadata: Fields, now: string): void {
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== '')
      // Kubernetes answers with a bare 500 here
      throw new ApiError(500, '', 'resourceVersion should not be set on objects to be created')
    for (const field of ['deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink'])
      delete metadata[field]
    if (!definition.isNamespaced) delete metadata.namespace
    if (metadata.name === undefined || metadata.name === '')
      metadata.name = this.#generateName(definition, metadata)
    metadata.uid = this.#environment.newUid()
    metadata.creationTimestamp = now
    if (definition.hasGeneration) metadata.generation = 1
    else delete metadata.generation
  }

  #generateName(
    definition: ResourceDefinition,
    { generateName, namespace }: Readonly<Fields>,
  ): string | undefined {
    if (typeof generateName !== 'string' || generateName === '') return undefined
    const prefix = generateName.slice(0, GENERATED_NAME_PREFIX_LENGTH_MAX)
    for (let attempt = 0; attempt < GENERATED_NAME_TRIES; attempt += 1) {
      const name = `${prefix}${this.#randomSuffix()}`
      const key = namespace as string | undefined
      if (this.#table.get(definition.collection, key, name) === undefined) return name
    }
    throw alreadyExists(definition.resource, prefix)
  }

  #randomSuffix(): string {
    const characters = Array.from({ length: 5 }, () => {
      const index = Math.floor(this.#environment.random() * GENERATED_NAME_CHARACTERS.length)
      return GENERATED_NAME_CHARACTERS[index]
    })
    return characters.join('')
  }

  #requireOpenNamespace(definition: ResourceDefinition, { namespace, name }: Fields): void {
    if (!definition.isNamespaced) return
    const holder = this.#table.get('namespaces', undefined, String(namespace))
    const namespaces = { group: '', version: 'v1', plural: 'namespaces' }
    if (holder === undefined) throw notFound(namespaces, String(namespace))
    if (holder.metadata.deletionTimestamp === undefined) return
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`
    const { status } = forbidden(definition.resource, String(name), why)
    throw new ApiError(403, 'Forbidden', status.message ?? why, {
      ...status.details,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    })
  }

  #replace(
    definition: ResourceDefinition,
    old: KubeObject,
    input: unknown,
    options: WriteOptions,
    patchBody?: unknown,
  ): KubeObject {
    const draft = parseInput(definition, input, options, patchBody)
    this.#checkVersion(definition, draft, old)
    const given = (draft.metadata as Fields).managedFields
    const entries = Array.isArray(given) && given.length === 0 ? [] : old.metadata.managedFields
    return this.#store(definition, old, draft, options, (final) =>
      this.#track(definition, old, final, entries ?? [], options),
    )
  }

  #checkVersion(definition: ResourceDefinition, draft: Fields, old: KubeObject): void {
    const { resource } = definition
    const { resourceVersion, uid, name } = draft.metadata as Fields
    if (name !== undefined && name !== old.metadata.name)
      throw badRequest(
        `the name of the object (${String(name)}) does not match the name on the URL (${old.metadata.name})`,
      )
    if (typeof uid === 'string' && uid !== '' && uid !== old.metadata.uid)
      throw conflict(
        resource,
        old.metadata.name,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
      )
    if (typeof resourceVersion !== 'string' || resourceVersion === '') {
      if (definition.needsVersionToUpdate) throw needsVersion(definition, old)
      return
    }
    if (resourceVersion !== old.metadata.resourceVersion)
      throw conflict(resource, old.metadata.name, STALE_WRITE)
  }

  #store(
    definition: ResourceDefinition,
    old: KubeObject,
    input: Fields,
    options: WriteOptions,
    own: (draft: Fields) => readonly ManagedFieldsEntry[],
  ): KubeObject {
    const context = this.#context()
    const draft = this.#throughDoor(definition, old, input, options, context)
    validateDraft(definition, draft, old)
    const metadata = draft.metadata as Fields
    if (definition.hasGeneration && options.subresource !== 'status')
      metadata.generation = nextGeneration(draft, old)
    metadata.managedFields = own(draft)
    if (isUnchanged(draft, old)) return present(definition, old)
    if (options.dryRun === true) return present(definition, arrange(draft))
    this.#allocate(definition, draft, context)
    const next = arrange(draft)
    if (!isReleased(next)) return present(definition, this.#commit(definition, old, draft))
    this.#drop(definition, old)
    return present(definition, next)
  }

  #throughDoor(
    definition: ResourceDefinition,
    old: KubeObject,
    input: Fields,
    { subresource }: WriteOptions,
    context: StrategyContext,
  ): Fields {
    if (subresource === 'status') {
      const { status: _, ...rest } = copyJson(old)
      return { ...rest, ...(input.status !== undefined && { status: input.status }) } as Fields
    }
    keepServerFields(definition, input, old)
    definition.strategy.applyDefaults?.(input)
    definition.strategy.prepareUpdate?.(input, old, context)
    return input
  }

  #apply(
    definition: ResourceDefinition,
    key: ObjectKey,
    patch: Extract<Patch, { kind: 'apply' }>,
    options: WriteOptions,
  ): KubeObject {
    if (options.fieldManager === undefined || options.fieldManager === '')
      throw invalidOptions('PatchOptions', [
        requiredValue('fieldManager', 'is required for apply patch'),
      ])
    const config = parseApplied(definition, patch.body, key)
    const old = this.#table.get(definition.collection, key.namespace, key.name)
    if (old === undefined && options.subresource !== undefined)
      throw notFound(definition.resource, key.name)
    const live = copyJson(old ?? {}) as Fields
    const entries = old?.metadata.managedFields ?? []
    if (old !== undefined) delete (live.metadata as Fields).managedFields
    const writer = this.#writer(definition, options)
    const { schema } = definition
    const force = patch.force === true
    const applied = applyConfiguration(live, config, entries, writer, schema, force)
    const draft = parseInput(definition, applied.object, { ...options, fieldValidation: 'Ignore' })
    if (old === undefined) return this.#insert(definition, draft, options, () => applied.entries)
    this.#checkVersion(definition, draft, old)
    return this.#store(definition, old, draft, options, () => applied.entries)
  }

  #bind(definition: ResourceDefinition, binding: ObjectInput, options: WriteOptions): KubeObject {
    const { namespace, name = '' } = binding.metadata ?? {}
    const old = this.#required(definition, { namespace, name })
    const draft = copyJson(old) as unknown as Fields
    const problem = bindPod(draft, binding, this.#context().now)
    if (problem !== undefined) throw conflict(definition.resource, name, problem)
    // no new generation and no new owner of fields: that is how Kubernetes binds
    return options.dryRun === true ? old : this.#commit(definition, old, draft)
  }

  #track(
    definition: ResourceDefinition,
    before: unknown,
    after: Fields,
    entries: readonly ManagedFieldsEntry[],
    options: WriteOptions,
  ): readonly ManagedFieldsEntry[] {
    const writer = this.#writer(definition, options)
    return trackUpdate(before, after, entries, writer, definition.schema)
  }

  #writer(definition: ResourceDefinition, options: WriteOptions): Writer {
    const { fieldManager = UNKNOWN_MANAGER, subresource } = options
    return {
      manager: fieldManager === '' ? UNKNOWN_MANAGER : fieldManager,
      apiVersion: apiVersionOf(definition.resource),
      subresource: subresource === 'binding' ? undefined : subresource,
      time: this.#context().now,
      keepsStatusApart: hasSubresource(definition, 'status'),
    }
  }

  #allocate(definition: ResourceDefinition, draft: Fields, context: StrategyContext): void {
    throwInvalid(definition, draft, definition.strategy.allocate?.(draft, context) ?? [])
  }

  #commit(
    { collection }: ResourceDefinition,
    old: KubeObject | undefined,
    draft: Readonly<Fields>,
  ): KubeObject {
    const stored = this.#table.commit(collection, old, (resourceVersion) => {
      const { managedFields, ...metadata } = copyJson(draft.metadata) as Fields
      const ordered = {
        ...metadata,
        resourceVersion,
        ...(managedFields !== undefined && { managedFields }),
      }
      return arrange({ ...copyJson(draft), metadata: ordered })
    })
    if (stored === undefined) throw new Error('a committed object cannot be absent')
    return stored
  }

  #drop(definition: ResourceDefinition, object: KubeObject): void {
    this.#table.commit(definition.collection, object, () => undefined)
    definition.strategy.release?.(object, this.#context())
  }

  #context(): StrategyContext {
    const { now, addresses } = this.#environment
    return { now: timestamp(now()), addresses }
  }
}

/** Empty means absent, as in the Go types. */
function withoutEmptyLists({ finalizers, ownerReferences, ...rest }: KubeObject['metadata']) {
  return {
    ...rest,
    ...(finalizers?.length && { finalizers }),
    ...(ownerReferences?.length && { ownerReferences }),
  }
}

const needsVersion = ({ resource }: ResourceDefinition, { metadata }: KubeObject): ApiError =>
  invalid(resource.group, resource.plural, metadata.name, [
    invalidValue('metadata.resourceVersion', 0, 'must be specified for an update'),
  ])

export const noSuchResource = (): ApiError =>
  new ApiError(404, 'NotFound', 'the server could not find the requested resource')

/** What a new object is compared with: built-in kinds have an empty spec from the start. */
function blankOf({ isCustom, kind }: ResourceDefinition, { spec }: Readonly<Fields>): Fields {
  if (isCustom || spec === undefined) return { metadata: {} }
  return { metadata: {}, spec: kind === 'Pod' ? { containers: [] } : {} }
}

function checkScope(
  { isNamespaced, resource }: ResourceDefinition,
  verb: Verb,
  { namespace }: Partial<ObjectKey>,
): void {
  const coversAll = verb === 'list' || verb === 'watch' || verb === 'deletecollection'
  if (isNamespaced && !coversAll && (namespace === undefined || namespace === ''))
    throw badRequest(`an empty namespace may not be set on ${resource.plural}`)
}

function checkSubresource(definition: ResourceDefinition, subresource: string | undefined): void {
  if (subresource === undefined) return
  if (!definition.subresources.some((one) => one === subresource)) throw noSuchResource()
}

function selection(
  { isNamespaced, resource }: ResourceDefinition,
  { namespace, labelSelector, fieldSelector }: LabelAndFieldSelection,
): Predicate {
  const hasLabels = parseLabelSelector(labelSelector)
  const hasFields = parseFieldSelector(fieldSelector, resource.plural)
  const inNamespace: Predicate =
    namespace === undefined || !isNamespaced
      ? () => true
      : ({ metadata }) => metadata.namespace === namespace
  return (object) => inNamespace(object) && hasLabels(object) && hasFields(object)
}

/** In the version that was asked for; versions of a kind differ in nothing but the name here. */
function present({ resource, kind }: ResourceDefinition, object: KubeObject): KubeObject {
  const apiVersion = apiVersionOf(resource)
  return object.apiVersion === apiVersion && object.kind === kind
    ? object
    : { ...object, apiVersion, kind }
}
