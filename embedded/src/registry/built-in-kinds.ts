/** The committed list of built-in kinds. Anything that is not here is answered with 404. */
import { builtInSchema } from '../schema/built-in-schemas.ts'
import type { NameForm } from '../schema/metadata-rules.ts'
import { type Resource, resourceName } from '../store/kube-object.ts'
import { resources } from '../store/resources.ts'
import { columns } from './columns.ts'
import { definitionStrategy } from './custom-resource-definitions.ts'
import { podStrategy } from './pods.ts'
import {
  everyVerb,
  type ResourceDefinition,
  type Strategy,
  type Subresource,
} from './resource-definition.ts'
import { serviceStrategy } from './services.ts'
import {
  claimStrategy,
  configMapStrategy,
  endpointSliceStrategy,
  eventStrategy,
  leaseStrategy,
  namespaceStrategy,
  nodeStrategy,
  secretStrategy,
  storageClassStrategy,
  volumeStrategy,
} from './simple-strategies.ts'

interface Row {
  readonly resource: Resource
  readonly kind: string
  readonly short?: readonly string[]
  readonly scope?: 'cluster'
  readonly subresources?: readonly Subresource[]
  readonly nameForm?: NameForm
  readonly hasGeneration?: boolean
  readonly needsVersionToUpdate?: boolean
  readonly isInAll?: boolean
  readonly strategy?: Strategy
}

const rows: readonly Row[] = [
  { resource: resources.configMaps, kind: 'ConfigMap', short: ['cm'], strategy: configMapStrategy },
  { resource: resources.events, kind: 'Event', short: ['ev'], strategy: eventStrategy },
  {
    resource: resources.namespaces,
    kind: 'Namespace',
    short: ['ns'],
    scope: 'cluster',
    subresources: ['status'],
    nameForm: 'label',
    strategy: namespaceStrategy,
  },
  {
    resource: resources.nodes,
    kind: 'Node',
    short: ['no'],
    scope: 'cluster',
    subresources: ['status'],
    strategy: nodeStrategy,
  },
  {
    resource: resources.persistentVolumeClaims,
    kind: 'PersistentVolumeClaim',
    short: ['pvc'],
    subresources: ['status'],
    strategy: claimStrategy,
  },
  {
    resource: resources.persistentVolumes,
    kind: 'PersistentVolume',
    short: ['pv'],
    scope: 'cluster',
    subresources: ['status'],
    strategy: volumeStrategy,
  },
  {
    resource: resources.pods,
    kind: 'Pod',
    short: ['po'],
    subresources: ['status', 'binding', 'log'],
    hasGeneration: true,
    isInAll: true,
    strategy: podStrategy,
  },
  { resource: resources.secrets, kind: 'Secret', strategy: secretStrategy },
  { resource: resources.serviceAccounts, kind: 'ServiceAccount', short: ['sa'] },
  {
    resource: resources.services,
    kind: 'Service',
    short: ['svc'],
    subresources: ['status'],
    nameForm: 'label-1035',
    isInAll: true,
    strategy: serviceStrategy,
  },
  {
    resource: resources.customResourceDefinitions,
    kind: 'CustomResourceDefinition',
    short: ['crd', 'crds'],
    scope: 'cluster',
    subresources: ['status'],
    hasGeneration: true,
    needsVersionToUpdate: true,
    strategy: definitionStrategy,
  },
  {
    resource: resources.leases,
    kind: 'Lease',
    needsVersionToUpdate: true,
    strategy: leaseStrategy,
  },
  {
    resource: resources.endpointSlices,
    kind: 'EndpointSlice',
    hasGeneration: true,
    strategy: endpointSliceStrategy,
  },
  {
    resource: resources.storageClasses,
    kind: 'StorageClass',
    short: ['sc'],
    scope: 'cluster',
    strategy: storageClassStrategy,
  },
]

/** Where the Go types of an API group live, and so what their OpenAPI components are called. */
const componentPrefix: Readonly<Record<string, string>> = {
  '': 'io.k8s.api.core.v1',
  'apiextensions.k8s.io': 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1',
  'authentication.k8s.io': 'io.k8s.api.authentication.v1',
  'authorization.k8s.io': 'io.k8s.api.authorization.v1',
  'coordination.k8s.io': 'io.k8s.api.coordination.v1',
  'discovery.k8s.io': 'io.k8s.api.discovery.v1',
  'storage.k8s.io': 'io.k8s.api.storage.v1',
}

function define(row: Row): ResourceDefinition {
  const { resource, kind } = row
  const component = `${componentPrefix[resource.group]}.${kind}`
  return {
    resource,
    collection: resourceName(resource),
    kind,
    listKind: `${kind}List`,
    singular: kind.toLowerCase(),
    shortNames: row.short ?? [],
    categories: row.isInAll === true ? ['all'] : [],
    isNamespaced: row.scope !== 'cluster',
    isCustom: false,
    verbs: everyVerb,
    subresources: row.subresources ?? [],
    schema: builtInSchema(component),
    component,
    nameForm: row.nameForm ?? 'subdomain',
    hasGeneration: row.hasGeneration === true,
    needsVersionToUpdate: row.needsVersionToUpdate === true,
    columns: columns[kind] ?? [],
    strategy: row.strategy ?? {},
  }
}

export const builtInKinds: readonly ResourceDefinition[] = rows.map(define)

/** Questions rather than objects: created, answered, never stored. */
export interface ReviewDefinition {
  readonly resource: Resource
  readonly kind: string
  readonly component: string
}

export const reviewKinds: readonly ReviewDefinition[] = (
  [
    ['authorization.k8s.io', 'SelfSubjectAccessReview'],
    ['authentication.k8s.io', 'SelfSubjectReview'],
  ] as const
).map(([group, kind]) => ({
  resource: { group, version: 'v1', plural: `${kind.toLowerCase()}s` },
  kind,
  component: `${componentPrefix[group]}.${kind}`,
}))
