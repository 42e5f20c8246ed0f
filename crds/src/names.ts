/** Names that more than one room must spell alike: group, labels, annotations, children, ports. */

export const apiGroup = 'miniredis.io'
export const apiVersion = 'miniredis.io/v1alpha1'
export const fieldManager = 'miniredis-operator'

export const labels = {
  managedBy: 'app.kubernetes.io/managed-by',
  component: 'app.kubernetes.io/component',
  pool: 'miniredis.io/pool',
  member: 'miniredis.io/member',
  tenant: 'miniredis.io/tenant',
  tenantUid: 'miniredis.io/tenant-uid',
  zone: 'topology.kubernetes.io/zone',
  serviceName: 'kubernetes.io/service-name',
  sliceManagedBy: 'endpointslice.kubernetes.io/managed-by',
} as const

export const managedByMiniRedis = 'miniredis'

export const annotations = {
  /** On a RuntimePool: which held orphans may be removed, in the word that the condition names. */
  acceptOrphanRemoval: 'miniredis.io/accept-orphan-removal',
  /** On a RuntimePool: UIDs of deleted tenants, with commas, whose retained data may be wiped. */
  removeRetained: 'miniredis.io/remove-retained',
  /** On a TenantNode: the UID of the deleted tenant of this name whose data it takes over. */
  adopt: 'miniredis.io/adopt',
  /** On a runtime Pod: the hash of the template it was built from. */
  templateHash: 'miniredis.io/template-hash',
} as const

/** Keeps a runtime Pod until its engine's exit is recorded (AUTHORITY 14). */
export const terminationProofFinalizer = 'miniredis.io/termination-proof'

export const ports = { resp: 6379, control: 16380, telemetry: 9121, operatorHttp: 7000 } as const

/** TENANT_NAME_LENGTH_MAX leaves room for the suffixes of children within a DNS label. */
export const TENANT_NAME_LENGTH_MAX = 40
export const POOL_NAME_LENGTH_MAX = 40
export const SLOT_COUNT = 16_384

export const connectionSecretName = (tenantName: string): string => `${tenantName}-connection`
export const memberTlsSecretName = (member: string): string => `${member}-tls`
export const memberName = (pool: string, index: number, generation: number): string =>
  `${pool}-${index}-${generation}`

/** `<name>.<namespace>`, the user name that selects a tenant (DESIGN 3). */
export const tenantUserName = (name: string, namespace: string): string => `${name}.${namespace}`

/** URI subject alternative names of the control traffic's certificates. */
export const memberIdentity = (namespace: string, pool: string, member: string): string =>
  `miniredis://${namespace}/${pool}/${member}`
export const operatorIdentity = (namespace: string): string => `miniredis://${namespace}/operator`
