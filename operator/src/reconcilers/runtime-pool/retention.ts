/*
 * Shards of deleted tenants that asked for their data to be kept. Pure.
 *
 *   Serving ─ tenant gone, policy Retain ─► Retained ─ a new tenant adopts ─► Serving
 *                                              │
 *                                              └─ removal named by a person ─► Removing ─► wiped
 */
import { annotations, ownerUidOf, type ShardRecord, shardKey } from '@miniredis/crds'
import type { PoolOwner } from '../../builders/owned-metadata.ts'
import { deletionPolicyOf } from '../../shard-maps/shard-changes.ts'
import type { Observed, PoolMember } from './observe.ts'

export interface ShardToRetain {
  readonly tenantUid: string
  readonly shard: number
  readonly epoch: number
  readonly member: string
}

export type RetentionStep =
  /** Records that these tenants are gone and their data stay. */
  | { readonly kind: 'retainTenants'; readonly tenantUids: readonly string[] }
  /** Has the members close these shards to clients. */
  | { readonly kind: 'closeShards'; readonly shards: readonly ShardToRetain[] }

/** @param gone UIDs of tenants that are gone for certain */
export function planRetention(
  { records, members }: Observed,
  gone: ReadonlySet<string>,
): readonly RetentionStep[] {
  const leaving = records.filter((record) => isKept(record) && gone.has(ownerUidOf(record)))
  const tenantUids = [...new Set(leaving.map(ownerUidOf))].sort()
  const retained = records.filter(({ phase }) => phase === 'Retained')
  const shards = [...leaving, ...retained].flatMap((record) => shardToClose(record, members))
  const steps: RetentionStep[] = []
  if (tenantUids.length > 0) steps.push({ kind: 'retainTenants', tenantUids })
  if (shards.length > 0) steps.push({ kind: 'closeShards', shards })
  return steps
}

/** Whether the data stay when the tenant goes. */
export const isKept = (record: ShardRecord): boolean =>
  record.phase === 'Serving' && deletionPolicyOf(record) === 'Retain'

function shardToClose(
  record: ShardRecord,
  members: readonly PoolMember[],
): readonly ShardToRetain[] {
  const { tenantUid, shard, primary } = record
  const report = members.find(({ name }) => name === primary.member)?.report
  const held = report?.connected ? report.held.get(shardKey(record)) : undefined
  if (held === undefined || held.retained) return []
  return [{ tenantUid, shard, epoch: held.epoch, member: primary.member }]
}

/** Retained shards that a person has named for removal. */
export function removableShards(
  pool: PoolOwner,
  records: readonly ShardRecord[],
): readonly ShardRecord[] {
  const named = new Set((pool.metadata.annotations?.[annotations.removeRetained] ?? '').split(','))
  return records.filter(({ phase, tenantUid }) => phase === 'Retained' && named.has(tenantUid))
}
