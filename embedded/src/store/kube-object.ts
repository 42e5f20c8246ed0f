/** Kubernetes objects as plain JSON, and how resources and objects are named. */

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [field: string]: Json | undefined }
export type JsonObject = { readonly [field: string]: Json | undefined }

/** A resource as its URL names it. `group` is '' for the core group. */
export interface Resource {
  readonly group: string
  readonly version: string
  readonly plural: string
}

/** `namespace` is absent for cluster-scoped resources. */
export interface ObjectKey {
  readonly namespace?: string | undefined
  readonly name: string
}

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean | undefined
  readonly blockOwnerDeletion?: boolean | undefined
}

export interface ManagedFieldsEntry {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly time?: string | undefined
  readonly fieldsType: 'FieldsV1'
  readonly fieldsV1: JsonObject
  readonly subresource?: string | undefined
}

/** metadata.* as the store keeps it. Times are RFC 3339, UTC, whole seconds. */
export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string | undefined
  readonly uid: string
  readonly resourceVersion: string
  readonly creationTimestamp: string
  readonly generation?: number | undefined
  readonly generateName?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
  readonly finalizers?: readonly string[] | undefined
  readonly ownerReferences?: readonly OwnerReference[] | undefined
  readonly deletionTimestamp?: string | undefined
  readonly deletionGracePeriodSeconds?: number | undefined
  readonly managedFields?: readonly ManagedFieldsEntry[] | undefined
}

/** What the store returns: frozen, complete, never to be changed in place. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

/** What a caller may send: metadata as far as the caller knows it. */
export interface ObjectInput {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata?: Partial<ObjectMeta>
  readonly [field: string]: unknown
}

export const keyOf = ({ metadata: { namespace, name } }: KubeObject): ObjectKey => ({
  namespace,
  name,
})

/** 'pods', 'tenantnodes.miniredis.io': how kubectl and error messages name a resource. */
export const resourceName = ({ group, plural }: Pick<Resource, 'group' | 'plural'>): string =>
  group === '' ? plural : `${plural}.${group}`

/** 'v1', 'miniredis.io/v1alpha1' */
export const apiVersionOf = ({ group, version }: Pick<Resource, 'group' | 'version'>): string =>
  group === '' ? version : `${group}/${version}`
