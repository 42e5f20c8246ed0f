/** What to do for one tenant. Pure: from what was observed to steps as data. */
import {
  type Assignment,
  assignmentDigest,
  type DeletionPolicy,
  type ShardRecord,
} from '@miniredis/crds'
import { buildAssignment } from '../../builders/assignment.ts'
import { buildConnectionSecret, passwordIn } from '../../builders/connection-secret.ts'
import { buildTenantEndpointSlice } from '../../builders/tenant-endpoint-slice.ts'
import { buildTenantService } from '../../builders/tenant-service.ts'
import { isApplied } from '../../kube/difference.ts'
import { slotRanges } from '../../placement/slots.ts'
import {
  type CopySighting,
  deletionPolicyOf,
  followSoleCopy,
  type ShardPlacement,
} from '../../shard-maps/shard-changes.ts'
import type { ShardIdentity } from '../../shard-maps/shard-table.ts'
import { type MemberView, placementMembers } from '../members.ts'
import {
  ADOPT_NOTHING,
  adoptionOf,
  type ChildName,
  type ChildObject,
  heldBy,
  holderOf,
  type Observed,
} from './observe.ts'
import { endpointOf, endpointPod, type Obstacle, obstacleTo, problemOf } from './standing.ts'

/** Sharding comes later; everything below already goes by shard. */
const SHARDS_PER_TENANT = 1
/** How soon to look again without any news. News usually comes first. */
const LOOK_AGAIN_MS = 30_000

export type TenantStep =
  /** Makes a password and the Secret that holds it. */
  | { readonly kind: 'issuePassword'; readonly isNew: boolean }
  | { readonly kind: 'create'; readonly child: ChildName; readonly object: ChildObject }
  /** Puts an object of ours back to what it should be. */
  | { readonly kind: 'restore'; readonly child: ChildName; readonly object: ChildObject }
  /** Writes the record of a shard that has none. */
  | { readonly kind: 'place'; readonly placement: ShardPlacement }
  /** Takes over a shard that an earlier tenant of this name left behind. */
  | { readonly kind: 'adopt'; readonly shard: ShardIdentity }
  /** Writes down what becomes of the data when the tenant is deleted: then nobody can ask it. */
  | {
      readonly kind: 'setPolicy'
      readonly shard: ShardIdentity
      readonly deletionPolicy: DeletionPolicy
    }
  /** Records which process and volume hold the sole copy now. */
  | { readonly kind: 'follow'; readonly shard: ShardIdentity; readonly sighting: CopySighting }
  | { readonly kind: 'assign'; readonly member: string; readonly assignment: Assignment }
  | ({ readonly kind: 'wait'; readonly delayMs: number } & Obstacle)

/**
 * Steps in the order in which they are carried out: first what needs nobody, then the shard, then
 * what tells clients where it is. After they are done the world is planned again, until only a wait
 * or nothing is left.
 */
export function planTenant(seen: Observed, nowMs: number): readonly TenantStep[] {
  if (seen.tenant.metadata.deletionTimestamp !== undefined) return []
  const problem = problemOf(seen)
  if (problem !== undefined) return [{ kind: 'wait', delayMs: LOOK_AGAIN_MS, ...problem }]
  const steps = seen.pool === undefined ? [] : [...planService(seen), ...planSecret(seen)]
  steps.push(...planShards(seen, nowMs), ...planSlice(seen))
  const obstacle = steps.length === 0 ? obstacleTo(seen) : undefined
  return obstacle === undefined ? steps : [{ kind: 'wait', delayMs: LOOK_AGAIN_MS, ...obstacle }]
}

function planSecret(seen: Observed): TenantStep[] {
  const { tenant, children } = seen
  const { secret } = children
  if (secret.kind === 'absent') return [{ kind: 'issuePassword', isNew: true }]
  if (secret.kind !== 'ours') return []
  const password = passwordIn(secret.object, tenant.metadata.uid)
  if (password === undefined) return [{ kind: 'issuePassword', isNew: false }]
  const endpoint = endpointOf(seen)
  return planChild(seen, 'secret', buildConnectionSecret({ tenant, password, endpoint }))
}

const planService = (seen: Observed): TenantStep[] =>
  planChild(seen, 'service', buildTenantService(seen.tenant))

/** Made when there is a pod to name; from then on it says so, too, when there is none. */
function planSlice(seen: Observed): TenantStep[] {
  const { tenant, children } = seen
  const pod = endpointPod(seen)
  if (pod === undefined && children.slice.kind === 'absent') return []
  return planChild(seen, 'slice', buildTenantEndpointSlice({ tenant, pod }))
}

function planChild({ children }: Observed, child: ChildName, object: ChildObject): TenantStep[] {
  const present = children[child]
  if (present.kind === 'absent') return [{ kind: 'create', child, object }]
  if (present.kind !== 'ours' || isApplied(object, present.object)) return []
  return [{ kind: 'restore', child, object }]
}

function planShards(seen: Observed, nowMs: number): readonly TenantStep[] {
  if (seen.pool === undefined) return []
  return slotRanges(SHARDS_PER_TENANT).flatMap((_, shard) => {
    const record = seen.shards.find((candidate) => candidate.shard === shard)
    return record === undefined ? planArrival(seen, shard, nowMs) : planHolding(seen, record)
  })
}

/** A shard without a record: left behind by an earlier tenant and now adopted, or a new one. */
function planArrival(seen: Observed, shard: number, nowMs: number): readonly TenantStep[] {
  const adopted = adoptionOf(seen.tenant)
  const left = seen.retained.find(
    (record) => record.shard === shard && record.tenantUid === adopted,
  )
  if (left === undefined) return planPlacement(seen, shard, nowMs)
  return [{ kind: 'adopt', shard: { tenantUid: left.tenantUid, shard } }]
}

function planPlacement(seen: Observed, shard: number, nowMs: number): readonly TenantStep[] {
  const { tenant, pool, members } = seen
  const [range] = slotRanges(SHARDS_PER_TENANT).slice(shard)
  if (pool === undefined || range === undefined) return []
  const { uid, namespace = '', name } = tenant.metadata
  const tenantUid = dataUidOf(seen)
  const candidates = placementMembers(pool, members, nowMs)
  const holder = unrecordedHolder(seen, shard)
  if (candidates.length === 0 && holder === undefined) return []
  const placement = {
    tenantUid,
    ...(tenantUid !== uid && { ownerUid: uid }),
    deletionPolicy: tenant.spec.deletionPolicy,
    shard,
    tenantNamespace: namespace,
    tenantName: name,
    range,
    candidates,
    holder,
    sightings: members.flatMap((member) => sightingOf(member) ?? []),
  }
  return [{ kind: 'place', placement }]
}

/**
 * The name of the tenant's data: its UID, unless it adopted those of an earlier tenant. Without a
 * record the annotation is believed only of a tenant that has been served before.
 */
function dataUidOf({ tenant }: Observed): string {
  const adopted = adoptionOf(tenant)
  const isNew = (tenant.status?.shards ?? []).length === 0
  return adopted === undefined || adopted === ADOPT_NOTHING || isNew ? tenant.metadata.uid : adopted
}

/**
 * Who has a shard without a record: when a ShardMap was lost, its shards are still where they were.
 * The members say so themselves; the status, a mirror, is asked only where to put a shard back, and
 * the epoch then goes on above both.
 */
function unrecordedHolder(seen: Observed, shard: number) {
  const { tenant, members } = seen
  const holders = members.flatMap(({ name, report }) => {
    const held = report?.held.get(`${dataUidOf(seen)}/${shard}`)
    return held === undefined ? [] : [{ member: name, epoch: held.epoch }]
  })
  const [best] = holders.sort((a, b) => b.epoch - a.epoch)
  if (best !== undefined) return best
  const mirrored = tenant.status?.shards?.find(({ index }) => index === shard)
  return members.some(({ name }) => name === mirrored?.primary) && mirrored !== undefined
    ? { member: mirrored.primary, epoch: mirrored.epoch }
    : undefined
}

function planHolding(seen: Observed, record: ShardRecord): readonly TenantStep[] {
  const member = holderOf(seen, record)
  if (record.phase === 'Removing') return []
  if (member === undefined) return planPolicy(seen, record)
  return [
    ...planPolicy(seen, record),
    ...planFollowing(record, member),
    ...planAssignment(seen, record, member),
  ]
}

function planPolicy({ tenant }: Observed, record: ShardRecord): readonly TenantStep[] {
  const { deletionPolicy } = tenant.spec
  if (deletionPolicyOf(record) === deletionPolicy) return []
  const { tenantUid, shard } = record
  return [{ kind: 'setPolicy', shard: { tenantUid, shard }, deletionPolicy }]
}

function planFollowing(record: ShardRecord, member: MemberView): readonly TenantStep[] {
  const sighting = sightingOf(member)
  if (sighting === undefined || followSoleCopy(record, sighting) === record) return []
  const { tenantUid, shard } = record
  return [{ kind: 'follow', shard: { tenantUid, shard }, sighting }]
}

function sightingOf({ name, report }: MemberView): CopySighting | undefined {
  const { connected, engine, volumeNonce, podUid = '' } = report ?? {}
  if (!connected || engine?.phase !== 'running' || volumeNonce === undefined) return undefined
  return { member: name, incarnation: { podUid, bootNonce: engine.bootNonce }, volumeNonce }
}

function planAssignment(
  seen: Observed,
  record: ShardRecord,
  member: MemberView,
): readonly TenantStep[] {
  const { tenant, children } = seen
  if (children.secret.kind !== 'ours' || !member.report?.connected) return []
  if (planFollowing(record, member).length > 0) return []
  const password = passwordIn(children.secret.object, tenant.metadata.uid)
  if (password === undefined) return []
  const assignment = buildAssignment({ tenant, record, password })
  if (heldBy(member, record)?.digest === assignmentDigest(assignment)) return []
  return [{ kind: 'assign', member: member.name, assignment }]
}
