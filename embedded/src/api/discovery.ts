/** What the API says about itself: groups, versions, resources; the old lists and the aggregated form. Pure. */
import { reviewKinds } from '../registry/built-in-kinds.ts'
import type { Registry } from '../registry/registry.ts'
import type { ResourceDefinition, Subresource } from '../registry/resource-definition.ts'
import { apiVersionOf } from '../store/kube-object.ts'

export const versionInfo = {
  major: '1',
  minor: '34',
  gitVersion: 'v1.34.4+miniredis',
  gitCommit: '',
  gitTreeState: '',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'v8',
  platform: 'linux/amd64',
}

interface GroupVersion {
  readonly group: string
  readonly version: string
}

/** Group to versions, sorted, core first. */
export function groupVersions(registry: Registry): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const { group, version } of [...registry.all(), ...reviewKinds].map((one) => one.resource)) {
    const versions = groups.get(group) ?? []
    if (!versions.includes(version)) versions.push(version)
    groups.set(group, versions)
  }
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)))
}

const definitionsOf = (registry: Registry, { group, version }: GroupVersion) =>
  registry.all().filter(({ resource }) => resource.group === group && resource.version === version)

const reviewsOf = ({ group, version }: GroupVersion) =>
  reviewKinds.filter(({ resource }) => resource.group === group && resource.version === version)

/** GET /api */
export const coreVersions = (address: string) => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
})

/** GET /apis */
export const groupList = (registry: Registry) => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: [...groupVersions(registry).keys()]
    .filter((group) => group !== '')
    .map((group) => apiGroup(registry, group)),
})

/** GET /apis/<group>; `undefined` when there is none. */
export function apiGroup(registry: Registry, group: string) {
  const versions = groupVersions(registry).get(group)
  if (versions === undefined || group === '') return undefined
  const listed = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }))
  return {
    kind: 'APIGroup',
    apiVersion: 'v1',
    name: group,
    versions: listed,
    preferredVersion: listed[0],
  }
}

/** GET /api/v1 and /apis/<group>/<version>; `undefined` when there is none. */
export function resourceList(registry: Registry, groupVersion: GroupVersion) {
  const definitions = definitionsOf(registry, groupVersion)
  const reviews = reviewsOf(groupVersion)
  if (definitions.length === 0 && reviews.length === 0) return undefined
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf(groupVersion),
    resources: [
      ...definitions.flatMap((definition) => [
        listedResource(definition),
        ...definition.subresources.map((one) => listedSubresource(definition, one)),
      ]),
      ...reviews.map(({ resource, kind }) => ({
        name: resource.plural,
        singularName: '',
        namespaced: false,
        kind,
        verbs: ['create'],
      })),
    ],
  }
}

const listedResource = (definition: ResourceDefinition) => ({
  name: definition.resource.plural,
  singularName: definition.singular,
  namespaced: definition.isNamespaced,
  kind: definition.kind,
  verbs: definition.verbs,
  ...(definition.shortNames.length > 0 && { shortNames: definition.shortNames }),
  ...(definition.categories.length > 0 && { categories: definition.categories }),
})

const subresourceKinds: Readonly<
  Record<Subresource, { kind?: string; group?: string; version?: string; verbs: string[] }>
> = {
  status: { verbs: ['get', 'patch', 'update'] },
  scale: { kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] },
  binding: { kind: 'Binding', verbs: ['create'] },
  log: { verbs: ['get'] },
}

function listedSubresource(definition: ResourceDefinition, subresource: Subresource) {
  const { kind = definition.kind, verbs, ...scope } = subresourceKinds[subresource]
  return {
    name: `${definition.resource.plural}/${subresource}`,
    singularName: '',
    namespaced: definition.isNamespaced,
    ...scope,
    kind,
    verbs,
  }
}

/** GET /api and /apis in the form apidiscovery.k8s.io/v2. */
export function aggregatedDiscovery(registry: Registry, isCore: boolean) {
  const groups = [...groupVersions(registry)].filter(([group]) => (group === '') === isCore)
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(([group, versions]) => ({
      metadata: { ...(group !== '' && { name: group }), creationTimestamp: null },
      versions: versions.map((version) => discoveredVersion(registry, { group, version })),
    })),
  }
}

function discoveredVersion(registry: Registry, groupVersion: GroupVersion) {
  return {
    version: groupVersion.version,
    freshness: 'Current',
    resources: [
      ...definitionsOf(registry, groupVersion).map(discoveredResource),
      ...reviewsOf(groupVersion).map(({ resource, kind }) => ({
        resource: resource.plural,
        responseKind: { group: '', version: '', kind },
        scope: 'Cluster',
        singularResource: '',
        verbs: ['create'],
      })),
    ],
  }
}

function discoveredResource(definition: ResourceDefinition) {
  const { resource, kind, subresources } = definition
  return {
    resource: resource.plural,
    responseKind: { group: resource.group, version: resource.version, kind },
    scope: definition.isNamespaced ? 'Namespaced' : 'Cluster',
    singularResource: definition.singular,
    verbs: definition.verbs,
    ...(definition.shortNames.length > 0 && { shortNames: definition.shortNames }),
    ...(definition.categories.length > 0 && { categories: definition.categories }),
    ...(subresources.length > 0 && {
      subresources: subresources.map((one) => {
        const { group, version, kind: own = kind, verbs } = subresourceKinds[one]
        return {
          subresource: one,
          responseKind: {
            group: group ?? resource.group,
            version: version ?? resource.version,
            kind: own,
          },
          verbs,
        }
      }),
    }),
  }
}
