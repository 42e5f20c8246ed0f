/** What leading and reporting take, apart from any kind that is reconciled. */
import type { Permission } from '../permission.ts'

/** The name of the Lease, one per operator namespace. */
export const LEASE_NAME = 'miniredis-operator'

export const kubePermissions: readonly Permission[] = [
  // create cannot be limited by name
  { group: 'coordination.k8s.io', resources: ['leases'], verbs: ['create'], scope: 'operator' },
  {
    group: 'coordination.k8s.io',
    resources: ['leases'],
    verbs: ['get', 'update'],
    resourceNames: [LEASE_NAME],
    scope: 'operator',
  },
  { group: '', resources: ['events'], verbs: ['create', 'patch'], scope: 'cluster' },
]
