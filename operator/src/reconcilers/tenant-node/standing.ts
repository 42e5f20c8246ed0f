/** How a tenant stands: what keeps it from being served, and where clients connect. Pure. */
import { annotations, type Reason, type ShardRecord, type TenantNodeStatus } from '@miniredis/crds'
import type { EndpointPod } from '../../builders/tenant-endpoint-slice.ts'
import { readTrouble, writeTrouble } from '../member-storage.ts'
import { isGoing, type MemberView, memberTrouble } from '../members.ts'
import { ADOPT_NOTHING, adoptionOf, heldBy, holderOf, type Observed } from './observe.ts'

export interface Obstacle {
  readonly reason: Reason
  readonly message: string
}

/** Why nothing can be done before a person does something. */
export function problemOf(seen: Observed): Obstacle | undefined {
  const { invalid, tenant, children } = seen
  if (invalid !== undefined) return { reason: 'InvalidSpec', message: invalid }
  const undecided = adoptionProblem(seen)
  if (undecided !== undefined) return undecided
  const kinds = { secret: 'Secret', service: 'Service', slice: 'EndpointSlice' } as const
  const foreign = (['secret', 'service', 'slice'] as const).find(
    (child) => children[child].kind === 'foreign',
  )
  if (foreign === undefined) return undefined
  const { name, namespace } = tenant.metadata
  const object = `${kinds[foreign]} ${namespace}/${name}${foreign === 'secret' ? '-connection' : ''}`
  return {
    reason: 'NameConflict',
    message: `${object} belongs to somebody else: delete it, or give the tenant another name`,
  }
}

/**
 * Data of an earlier tenant of this name are kept, and nobody said what shall become of them: a
 * new tenant must neither take them by chance nor hide them. Their UID is told by the pool alone,
 * so that a name is not enough to get at them.
 */
function adoptionProblem(seen: Observed): Obstacle | undefined {
  const { tenant, pool, shards, retained, operatorNamespace } = seen
  const adopted = adoptionOf(tenant)
  if (pool === undefined || shards.length > 0 || adopted === ADOPT_NOTHING) return undefined
  const { name, namespace } = tenant.metadata
  const annotate = `kubectl -n ${namespace} annotate tn ${name} --overwrite ${annotations.adopt}`
  if (adopted === undefined) {
    if (retained.length === 0) return undefined
    const look = `kubectl -n ${operatorNamespace} get rp ${pool.metadata.name} -o jsonpath='{.status.retained}'`
    return {
      reason: 'DataRetained',
      message: `data of a deleted tenant of this name are kept. Take them over: ${annotate}=<tenantUid> with the UID that ${look} names; or start empty: ${annotate}=${ADOPT_NOTHING}`,
    }
  }
  const isThere = retained.some(({ tenantUid }) => tenantUid === adopted)
  const wasServed = (tenant.status?.shards ?? []).length > 0
  if (isThere || wasServed) return undefined
  return {
    reason: 'DataRetained',
    message: `no data of a deleted tenant ${adopted} are kept under this name. Start empty: ${annotate}=${ADOPT_NOTHING}`,
  }
}

/** The first thing that keeps the tenant from being served, in the order of urgency. */
export function obstacleTo(seen: Observed): Obstacle | undefined {
  const { pool, tenant, operatorNamespace, shards, children } = seen
  if (pool === undefined)
    return {
      reason: 'PoolMissing',
      message: `there is no RuntimePool ${tenant.spec.pool} in namespace ${operatorNamespace}`,
    }
  if (shards.length === 0)
    return {
      reason: 'NoCapacity',
      message: `no member of pool ${tenant.spec.pool} is ready and has room`,
    }
  const hindered = shards.map((record) => shardObstacle(seen, record)).find(Boolean)
  if (hindered !== undefined) return hindered
  if (Object.values(children).some(({ kind }) => kind === 'leaving'))
    return { reason: 'InProgress', message: 'objects of the same name are still being deleted' }
  if (endpointOf(seen) === undefined)
    return { reason: 'EndpointPending', message: `the Service has no address yet` }
  return undefined
}

function shardObstacle(seen: Observed, record: ShardRecord): Obstacle | undefined {
  const member = holderOf(seen, record)
  const { name } = member ?? { name: record.primary.member }
  const trouble =
    member === undefined ? `pod ${record.primary.member} does not exist` : memberTrouble(member)
  if (trouble !== undefined) return { reason: 'MemberNotReady', message: trouble }
  if (!isServedBy(seen, record, member))
    return { reason: 'AssignmentPending', message: `pod ${name} has not confirmed the tenant yet` }
  return storageObstacle(seen, record)
}

/** What its volume keeps the shard from: being read, or, where it is to be kept, being written. */
export function storageObstacle(seen: Observed, record: ShardRecord): Obstacle | undefined {
  const { tenant, operatorNamespace } = seen
  const member = holderOf(seen, record)
  const trouble = readTrouble(member, record, operatorNamespace)
  if (trouble !== undefined || tenant.spec.persistence.mode === 'None') return trouble
  return writeTrouble(member, operatorNamespace)
}

/**
 * Whether the member has confirmed the shard under its present epoch. While the link to the member
 * is down the EndpointSlice remembers that this very pod did.
 */
export function isServedBy(
  seen: Observed,
  record: ShardRecord,
  member: MemberView | undefined,
): boolean {
  if (member?.report?.connected) {
    const held = heldBy(member, record)
    return held?.epoch === record.epoch && !held.retained
  }
  return member?.pod !== undefined && sliceNames(seen, member.pod.metadata.uid)
}

/** Whether the EndpointSlice leads to this pod now. */
export function sliceNames({ children: { slice } }: Observed, podUid: string): boolean {
  if (slice.kind !== 'ours') return false
  return (slice.object.endpoints ?? []).some(({ targetRef }) => targetRef?.uid === podUid)
}

/** The pod that the EndpointSlice should name: the one that holds the first shard and confirmed it. */
export function endpointPod(seen: Observed): EndpointPod | undefined {
  const [record] = seen.shards
  const member = record && holderOf(seen, record)
  const pod = member?.pod
  const address = pod?.status?.podIP
  if (record === undefined || pod === undefined || address === undefined || isGoing(pod))
    return undefined
  if (!isServedBy(seen, record, member)) return undefined
  const { name, namespace = '', uid } = pod.metadata
  return { name, namespace, uid, address, nodeName: pod.spec?.nodeName }
}

export type Endpoint = Pick<NonNullable<TenantNodeStatus['endpoint']>, 'host' | 'port'>

/** Where clients connect; undefined while the Service has no address. */
export function endpointOf(seen: Observed): Endpoint | undefined {
  const { tenant, children } = seen
  const { type, port } = tenant.spec.endpoint
  const { name, namespace } = tenant.metadata
  const service = children.service.kind === 'ours' ? children.service.object : undefined
  if (service === undefined || service.spec?.type !== type) return undefined
  switch (type) {
    case 'ClusterIP':
      return { host: `${name}.${namespace}.svc`, port }
    case 'LoadBalancer': {
      const [ingress] = service.status?.loadBalancer?.ingress ?? []
      const host = ingress?.ip ?? ingress?.hostname
      return host === undefined ? undefined : { host, port: ingress?.ports?.[0]?.port ?? port }
    }
    case 'NodePort': {
      const [record] = seen.shards
      const host = record && holderOf(seen, record)?.pod?.status?.hostIP
      const nodePort = service.spec.ports?.[0]?.nodePort
      return host === undefined || nodePort === undefined ? undefined : { host, port: nodePort }
    }
  }
}
