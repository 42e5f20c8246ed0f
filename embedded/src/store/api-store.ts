/**
 * The port of the in-process Kubernetes API: what a client could do over HTTP, as plain calls.
 *
 * Every call is synchronous and either returns the stored object (frozen) or throws an ApiError
 * with a Kubernetes Status. Everything that is not a function of the calls comes in through
 * StoreEnvironment, so that the same sequence of calls gives the same world, to the byte.
 */
import type { Status } from './api-error.ts'
import type { KubeObject, ObjectInput, ObjectKey, Resource } from './kube-object.ts'

/** Everything outside of the store that it depends on. */
export interface StoreEnvironment {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** A fresh UUID. */
  readonly newUid: () => string
  /** 0 <= x < 1, for generateName. */
  readonly random: () => number
  /**
   * Runs a task later, in order, never within the present call: delivery of watch events, garbage
   * collection, deletion of a namespace's contents. queueMicrotask in programs.
   */
  readonly defer: (task: () => void) => void
  readonly addresses?: AddressAllocator | undefined
  readonly faults?: FaultHook | undefined
}

/** Gives addresses and ports to Services. A Service that asks for a taken one is refused (422). */
export interface AddressAllocator {
  /** An unused address for a Service, or `undefined` when `wanted` is taken or none is left. */
  clusterIp(service: ServiceKey, wanted?: string): string | undefined
  nodePort(service: ServiceKey, port: number, wanted?: number): number | undefined
  /** The Service is gone, or keeps only these. */
  release(service: ServiceKey, kept?: { clusterIp?: string; nodePorts: readonly number[] }): void
}

export interface ServiceKey {
  readonly namespace: string
  readonly name: string
}

export type Verb =
  | 'get'
  | 'list'
  | 'watch'
  | 'create'
  | 'update'
  | 'patch'
  | 'delete'
  | 'deletecollection'

export interface Call {
  readonly verb: Verb
  readonly resource: Resource
  readonly key: Partial<ObjectKey>
  readonly subresource?: string | undefined
}

/**
 * Where a test or the simulation interferes. `before` may throw an ApiError: nothing happened.
 * `after` may throw: the write has happened and the caller does not know. `deliver` decides about
 * one event on one watch: 'drop' loses it, 'close' ends the watch without a word.
 */
export interface FaultHook {
  before?(call: Call): void
  after?(call: Call): void
  deliver?(call: Call, event: WatchEvent): 'deliver' | 'drop' | 'close'
}

export interface LabelAndFieldSelection {
  /** All namespaces when absent. */
  readonly namespace?: string | undefined
  /** As in a URL: `app=x,tier in (a,b),!old`. */
  readonly labelSelector?: string | undefined
  /** As in a URL: `status.phase=Running,metadata.name!=x`. */
  readonly fieldSelector?: string | undefined
}

export interface ListOptions extends LabelAndFieldSelection {
  readonly limit?: number | undefined
  readonly continue?: string | undefined
  readonly resourceVersion?: string | undefined
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined
}

export interface ObjectList {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly resourceVersion: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
  readonly items: readonly KubeObject[]
}

export interface WatchOptions extends LabelAndFieldSelection {
  /**
   * Absent, '' or '0': existing objects first, as ADDED, then changes. Otherwise changes after it;
   * an ApiError 410 Expired is thrown, or comes as an ERROR event, when history does not reach back.
   */
  readonly resourceVersion?: string | undefined
  /** BOOKMARK events come from `Watch.bookmark()` and at the end of initial events. */
  readonly allowWatchBookmarks?: boolean | undefined
  /** Existing objects first, then a BOOKMARK annotated k8s.io/initial-events-end. */
  readonly sendInitialEvents?: boolean | undefined
}

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: KubeObject }
  | { readonly type: 'ERROR'; readonly object: Status }

export interface Watch {
  /** Sends a BOOKMARK with the newest resourceVersion that has been delivered. */
  bookmark(): void
  /** No event comes after this. */
  close(): void
  /** Called once when the store ends the watch: after an ERROR event, a fault, or `ApiStore.close`. */
  onClose(listener: () => void): void
}

export interface WriteOptions {
  /** Who writes, for metadata.managedFields. Default: 'unknown'. */
  readonly fieldManager?: string | undefined
  /** Everything but the write itself. */
  readonly dryRun?: boolean | undefined
  /** What to do about unknown and duplicate fields. Default for calls inside the process: Ignore. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore' | undefined
  /**
   * 'status' or 'scale': only that part of the object is written. 'binding', with `create` and a
   * Binding as object: gives a Pod its node.
   */
  readonly subresource?: 'status' | 'scale' | 'binding' | undefined
  /** Receives warnings for the caller (HTTP: Warning headers). */
  readonly warn?: ((text: string) => void) | undefined
}

export type Patch =
  | { readonly kind: 'json'; readonly body: unknown }
  | { readonly kind: 'merge'; readonly body: unknown }
  | { readonly kind: 'strategic'; readonly body: unknown }
  | { readonly kind: 'apply'; readonly body: unknown; readonly force?: boolean | undefined }

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number | undefined
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined
  readonly preconditions?:
    | { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined }
    | undefined
  readonly dryRun?: boolean | undefined
}

export interface DeleteResult {
  /** The object as it was, or as it is now when something still holds it. */
  readonly object: KubeObject
  /** false: a grace period or a finalizer holds it, `metadata.deletionTimestamp` is set. */
  readonly isGone: boolean
}

export interface ApiStore {
  /** With 'scale': an autoscaling/v1 Scale. @throws ApiError NotFound */
  get(resource: Resource, key: ObjectKey, subresource?: 'status' | 'scale'): KubeObject
  /** Like get, but `undefined` when there is none. */
  find(resource: Resource, key: ObjectKey): KubeObject | undefined
  /** Sorted by namespace and name. */
  list(resource: Resource, options?: ListOptions): ObjectList
  /** `metadata.name` or `metadata.generateName` is needed, and `metadata.namespace` where namespaced. */
  create(resource: Resource, object: ObjectInput, options?: WriteOptions): KubeObject
  /**
   * Replaces the object. With `metadata.resourceVersion` it must be the stored one (409 Conflict).
   * Without `subresource` status is kept, with 'status' everything else is. A write that changes
   * nothing keeps its resourceVersion and causes no event.
   */
  update(resource: Resource, object: ObjectInput, options?: WriteOptions): KubeObject
  patch(resource: Resource, key: ObjectKey, patch: Patch, options?: WriteOptions): KubeObject
  /**
   * Pods that have a node and run are only marked (deletionTimestamp, deletionGracePeriodSeconds):
   * the kubelet stops them and deletes them again with gracePeriodSeconds 0.
   */
  delete(resource: Resource, key: ObjectKey, options?: DeleteOptions): DeleteResult
  deleteCollection(
    resource: Resource,
    selection: LabelAndFieldSelection,
    options?: DeleteOptions,
  ): readonly KubeObject[]
  /** Events come through `environment.defer`, in order of resourceVersion. */
  watch(resource: Resource, options: WatchOptions, listener: (event: WatchEvent) => void): Watch
  /** Ends all watches and closes the file. */
  close(): void
}

export interface ApiStoreOptions {
  /** A file, or ':memory:'. */
  readonly path: string
  readonly environment: StoreEnvironment
  /** How many events can be replayed before a watch gets 410. */
  readonly historyEventsMax?: number
}

// `openApiStore(options: ApiStoreOptions): ApiStore` is in ./open-api-store.ts
