/** What reconciling pools takes. Everything of a pool lives in the operator's own namespace. */
import { apiGroup } from '@miniredis/crds'
import type { Permission } from '../../permission.ts'

export const runtimePoolPermissions: readonly Permission[] = [
  {
    group: apiGroup,
    resources: ['runtimepools'],
    verbs: ['get', 'list', 'watch'],
    scope: 'operator',
  },
  { group: apiGroup, resources: ['runtimepools/status'], verbs: ['patch'], scope: 'operator' },
  // blockOwnerDeletion in the children's owner references asks for this where the API checks it.
  { group: apiGroup, resources: ['runtimepools/finalizers'], verbs: ['update'], scope: 'operator' },
  {
    group: apiGroup,
    resources: ['shardmaps'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
    scope: 'operator',
  },
  {
    group: '',
    resources: ['pods'],
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    scope: 'operator',
  },
  {
    group: '',
    resources: ['persistentvolumeclaims'],
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    scope: 'operator',
  },
  {
    group: '',
    resources: ['secrets'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'],
    scope: 'operator',
  },
  {
    group: '',
    resources: ['services'],
    verbs: ['get', 'list', 'watch', 'create', 'patch'],
    scope: 'operator',
  },
  { group: '', resources: ['nodes'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  // Whether a volume that has become too small can grow.
  { group: 'storage.k8s.io', resources: ['storageclasses'], verbs: ['get'], scope: 'cluster' },
  // Whether a tenant is gone is asked of the API itself, and whether its definition is.
  {
    group: apiGroup,
    resources: ['tenantnodes'],
    verbs: ['get', 'list', 'watch'],
    scope: 'cluster',
  },
  {
    group: 'apiextensions.k8s.io',
    resources: ['customresourcedefinitions'],
    verbs: ['get'],
    resourceNames: ['tenantnodes.miniredis.io'],
    scope: 'cluster',
  },
]
