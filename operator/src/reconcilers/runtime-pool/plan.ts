/** What to do for one pool. Pure: from what was observed to steps as data. */
import { ownerUidOf, type ShardRecord } from '@miniredis/crds'
import type { PoolOwner } from '../../builders/owned-metadata.ts'
import { buildPoolService } from '../../builders/pool-service.ts'
import { isApplied } from '../../kube/difference.ts'
import type { Service } from '../../kube/resources.ts'
import {
  type MemberStep,
  neededMembers,
  planLinks,
  planMember,
  planReleases,
  planRemovals,
  planReplacement,
} from './members-plan.ts'
import type { Observed, PoolMember } from './observe.ts'
import { judgeOrphans, type OrphanVerdict } from './orphans.ts'
import { isKept, planRetention, type RetentionStep, removableShards } from './retention.ts'
import { planExpansion, type VolumeStep } from './volumes-plan.ts'

/** How soon to look again without any news: often enough for certificates, which last days. */
const LOOK_AGAIN_MS = 3_600_000

export type PoolStep =
  | MemberStep
  | VolumeStep
  | RetentionStep
  | { readonly kind: 'createService'; readonly object: Service }
  | { readonly kind: 'restoreService'; readonly object: Service }
  /** Records that the shards of these tenants may be wiped. */
  | { readonly kind: 'giveUpTenants'; readonly tenantUids: readonly string[] }
  /** Records that these retained data may be wiped, as a person said. */
  | { readonly kind: 'removeRetained'; readonly tenantUids: readonly string[] }
  /** Has the members forget these shards, then forgets those that are recorded. */
  | { readonly kind: 'wipeShards'; readonly shards: readonly ShardToWipe[] }
  | { readonly kind: 'wait'; readonly delayMs: number }

export interface ShardToWipe {
  readonly tenantUid: string
  readonly shard: number
  readonly epoch: number
  /** Who has to forget it; undefined: nobody holds it any more. */
  readonly member: string | undefined
}

export interface PoolPlan {
  readonly steps: readonly PoolStep[]
  readonly orphans: OrphanVerdict
}

/** Steps in the order of their urgency: what frees and starts pods comes before everything else. */
export function planPool(seen: Observed, nowMs: number): PoolPlan {
  const { pool, invalid } = seen
  const always = [...planLinks(seen), ...planReleases(seen)]
  if (pool === undefined || pool.metadata.deletionTimestamp !== undefined)
    return { steps: always, orphans: { kind: 'none' } }
  const orphans = judgeOrphans(seen.orphans, nowMs)
  const delayMs = orphans.kind === 'settling' ? orphans.delayMs : LOOK_AGAIN_MS
  const steps =
    invalid === undefined ? [...planMembers(pool, seen), ...planService(pool, seen)] : []
  return {
    steps: [...always, ...steps, ...planLeaving(pool, seen, orphans), { kind: 'wait', delayMs }],
    orphans,
  }
}

const planMembers = (pool: PoolOwner, seen: Observed): readonly PoolStep[] => [
  ...neededMembers(pool, seen).flatMap((member) => planMember(pool, member, seen)),
  ...planRemovals(pool, seen),
  ...planReplacement(pool, seen),
  ...planExpansion(pool, seen),
]

function planService(pool: PoolOwner, { service }: Observed): readonly PoolStep[] {
  const object = buildPoolService(pool)
  if (service === undefined) return [{ kind: 'createService', object }]
  return isApplied(object, service) ? [] : [{ kind: 'restoreService', object }]
}

/**
 * First the decision is recorded, then carried out, maybe much later: a member that is down keeps
 * the shard until it is back and has forgotten it.
 */
function planLeaving(pool: PoolOwner, seen: Observed, orphans: OrphanVerdict): readonly PoolStep[] {
  const gone = new Set(orphans.kind === 'remove' ? orphans.tenantUids : [])
  const named = removableShards(pool, seen.records)
  const given = seen.records.filter((record) => isGiven(record) && gone.has(ownerUidOf(record)))
  const steps: PoolStep[] = [...planRetention(seen, gone)]
  if (given.length > 0)
    steps.push({ kind: 'giveUpTenants', tenantUids: namesOf(given, ownerUidOf) })
  if (named.length > 0)
    steps.push({ kind: 'removeRetained', tenantUids: namesOf(named, ({ tenantUid }) => tenantUid) })
  const shards = [
    ...[...seen.records.filter(({ phase }) => phase === 'Removing'), ...given, ...named].flatMap(
      (record) => shardToWipe(record, seen.members),
    ),
    ...seen.strays.filter(({ tenantUid, retained }) => gone.has(tenantUid) && !retained),
  ]
  if (shards.length > 0) steps.push({ kind: 'wipeShards', shards })
  return steps
}

const isGiven = (record: ShardRecord): boolean => record.phase === 'Serving' && !isKept(record)

const namesOf = (
  records: readonly ShardRecord[],
  nameOf: (record: ShardRecord) => string,
): readonly string[] => [...new Set(records.map(nameOf))].sort()

function shardToWipe(record: ShardRecord, members: readonly PoolMember[]): readonly ShardToWipe[] {
  const { tenantUid, shard, primary } = record
  const report = members.find(({ name }) => name === primary.member)?.report
  if (!report?.connected) return []
  const held = report.held.get(`${tenantUid}/${shard}`)
  const epoch = Math.max(record.epoch, held?.epoch ?? 0)
  return [{ tenantUid, shard, epoch, member: held === undefined ? undefined : primary.member }]
}
