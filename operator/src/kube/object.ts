/** Kubernetes objects as plain JSON, as they come over the wire and go back. */

/** The shape of T after JSON: dates are strings, everything is read-only. */
export type Plain<T> = T extends Date
  ? string
  : T extends readonly (infer U)[]
    ? readonly Plain<U>[]
    : T extends object
      ? { readonly [K in keyof T]: Plain<T[K]> }
      : T

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly deletionGracePeriodSeconds?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly OwnerReference[]
}

export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

/** Metadata as the API server returns it: what it fills in itself is there. */
export type Stored<T extends KubeObject> = T & {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string }
}

/** One kind of object and where the API serves it. T is only for the compiler. */
export interface ResourceType<T extends KubeObject = KubeObject> {
  readonly apiVersion: string
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  readonly object?: T
}

export interface ObjectName {
  readonly namespace?: string
  readonly name: string
}

/** `namespace/name`, or `name` when there is no namespace. What queues and caches are keyed by. */
export type Key = string

export const keyOf = ({ namespace, name }: ObjectName): Key =>
  namespace === undefined ? name : `${namespace}/${name}`

export function nameOfKey(key: Key): ObjectName {
  const slash = key.indexOf('/')
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

export const keyOfObject = ({ metadata }: KubeObject): Key => keyOf(metadata)
