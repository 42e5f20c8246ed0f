/** What reconciling tenants takes. Their objects live in any namespace. */
import { apiGroup } from '@miniredis/crds'
import type { Permission } from '../../permission.ts'

export const tenantNodePermissions: readonly Permission[] = [
  {
    group: apiGroup,
    resources: ['tenantnodes'],
    verbs: ['get', 'list', 'watch'],
    scope: 'cluster',
  },
  { group: apiGroup, resources: ['tenantnodes/status'], verbs: ['patch'], scope: 'cluster' },
  // blockOwnerDeletion in the children's owner references asks for this where the API checks it.
  { group: apiGroup, resources: ['tenantnodes/finalizers'], verbs: ['update'], scope: 'cluster' },
  {
    group: '',
    resources: ['secrets', 'services'],
    verbs: ['get', 'list', 'watch', 'create', 'patch'],
    scope: 'cluster',
  },
  {
    group: 'discovery.k8s.io',
    resources: ['endpointslices'],
    verbs: ['get', 'list', 'watch', 'create', 'patch'],
    scope: 'cluster',
  },
  // An EndpointSlice or Service whose addresses the writer chooses needs this in some clusters.
  {
    group: 'discovery.k8s.io',
    resources: ['endpointslices/restricted'],
    verbs: ['create'],
    scope: 'cluster',
  },
  { group: '', resources: ['nodes'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch'], scope: 'operator' },
  {
    group: apiGroup,
    resources: ['runtimepools'],
    verbs: ['get', 'list', 'watch'],
    scope: 'operator',
  },
  {
    group: apiGroup,
    resources: ['shardmaps'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
    scope: 'operator',
  },
]
