/** The kinds that the operator reads or writes. */
import type {
  CoreV1Event,
  V1CustomResourceDefinition,
  V1EndpointSlice,
  V1Lease,
  V1Node,
  V1PersistentVolumeClaim,
  V1Pod,
  V1Secret,
  V1Service,
  V1StorageClass,
} from '@kubernetes/client-node'
import {
  apiVersion,
  type RuntimePoolSpec,
  type RuntimePoolStatus,
  type ShardMapSpec,
  type TenantNodeSpec,
  type TenantNodeStatus,
} from '@miniredis/crds'
import type { KubeObject, Plain, ResourceType } from './object.ts'

type Builtin<T> = KubeObject & Omit<Plain<T>, 'apiVersion' | 'kind' | 'metadata'>

export type Pod = Builtin<V1Pod>
export type Secret = Builtin<V1Secret>
export type Service = Builtin<V1Service>
export type EndpointSlice = Builtin<V1EndpointSlice>
export type PersistentVolumeClaim = Builtin<V1PersistentVolumeClaim>
export type StorageClass = Builtin<V1StorageClass>
export type KubeNode = Builtin<V1Node>
export type Lease = Builtin<V1Lease>
export type KubeEvent = Builtin<CoreV1Event>
export type CustomResourceDefinition = Builtin<V1CustomResourceDefinition>

export type RuntimePool = KubeObject & {
  readonly spec: Plain<RuntimePoolSpec>
  readonly status?: Plain<RuntimePoolStatus>
}
export type TenantNode = KubeObject & {
  readonly spec: Plain<TenantNodeSpec>
  readonly status?: Plain<TenantNodeStatus>
}
export type ShardMap = KubeObject & { readonly spec: Plain<ShardMapSpec> }

export const pods: ResourceType<Pod> = namespaced('v1', 'Pod', 'pods')
export const secrets: ResourceType<Secret> = namespaced('v1', 'Secret', 'secrets')
export const services: ResourceType<Service> = namespaced('v1', 'Service', 'services')
export const events: ResourceType<KubeEvent> = namespaced('v1', 'Event', 'events')
export const persistentVolumeClaims: ResourceType<PersistentVolumeClaim> = namespaced(
  'v1',
  'PersistentVolumeClaim',
  'persistentvolumeclaims',
)
export const endpointSlices: ResourceType<EndpointSlice> = namespaced(
  'discovery.k8s.io/v1',
  'EndpointSlice',
  'endpointslices',
)
export const leases: ResourceType<Lease> = namespaced('coordination.k8s.io/v1', 'Lease', 'leases')
export const nodes: ResourceType<KubeNode> = cluster('v1', 'Node', 'nodes')
export const storageClasses: ResourceType<StorageClass> = cluster(
  'storage.k8s.io/v1',
  'StorageClass',
  'storageclasses',
)
export const customResourceDefinitions: ResourceType<CustomResourceDefinition> = cluster(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
)
export const runtimePools: ResourceType<RuntimePool> = namespaced(
  apiVersion,
  'RuntimePool',
  'runtimepools',
)
export const tenantNodes: ResourceType<TenantNode> = namespaced(
  apiVersion,
  'TenantNode',
  'tenantnodes',
)
export const shardMaps: ResourceType<ShardMap> = namespaced(apiVersion, 'ShardMap', 'shardmaps')

function namespaced(apiVersion: string, kind: string, plural: string): ResourceType<never> {
  return { apiVersion, kind, plural, namespaced: true }
}

function cluster(apiVersion: string, kind: string, plural: string): ResourceType<never> {
  return { apiVersion, kind, plural, namespaced: false }
}
