/** Everything that the operator may do. The chart's roles are generated from this list. */
import { kubePermissions } from './kube/permissions.ts'
import type { Permission } from './permission.ts'
import { runtimePoolPermissions } from './reconcilers/runtime-pool/permissions.ts'
import { tenantNodePermissions } from './reconcilers/tenant-node/permissions.ts'

export const operatorPermissions: readonly Permission[] = [
  ...kubePermissions,
  ...runtimePoolPermissions,
  ...tenantNodePermissions,
]
