/** What a member's word about its volume means for one shard on it. Pure. */
import { type Reason, type ShardRecord, type StorageReport, shardKey } from '@miniredis/crds'
import type { MemberView } from './members.ts'

export interface StorageTrouble {
  readonly reason: Extract<Reason, 'Loading' | 'StorageDamaged' | 'StorageFull' | 'StorageFailed'>
  /** Without its end, as all sentences about obstacles. */
  readonly message: string
}

/** Progress is told in steps, so that a start of minutes is not a write a second. */
const PERCENT_STEP = 10

/** What the present engine of the member said; undefined while its link is down. */
export const storageOf = (member: MemberView | undefined): StorageReport | undefined =>
  member?.report?.connected ? member.report.storage : undefined

/** Why nothing of the shard is served: it is still being read, or what was read cannot be trusted. */
export function readTrouble(
  member: MemberView | undefined,
  record: ShardRecord,
  namespace: string,
): StorageTrouble | undefined {
  const storage = storageOf(member)
  if (member === undefined || storage === undefined) return undefined
  const key = shardKey(record)
  const damage = storage.damaged.find((entry) => shardKey(entry) === key)
  if (damage !== undefined) {
    const { file, offset, message } = damage
    const what = `on pod ${member.name} ${file} is damaged at byte ${offset}: ${message}`
    return {
      reason: 'StorageDamaged',
      message: `${what}; nothing of it is served. Explain it with: ${checkCommand(member.name, namespace)}`,
    }
  }
  const loading = storage.loading.find((entry) => shardKey(entry) === key)
  if (loading === undefined) return undefined
  const percent = Math.floor(loading.percent / PERCENT_STEP) * PERCENT_STEP
  return {
    reason: 'Loading',
    message: `pod ${member.name} reads the data from its volume, ${percent} % done`,
  }
}

/** Why writes to shards of this member are refused. */
export function writeTrouble(
  member: MemberView | undefined,
  namespace: string,
): StorageTrouble | undefined {
  const volume = storageOf(member)?.volume
  if (member === undefined || volume === undefined) return undefined
  const where = volume.file === undefined ? '' : ` at ${volume.file}`
  switch (volume.state) {
    case 'Healthy':
      return undefined
    case 'Full':
      return {
        reason: 'StorageFull',
        message: `the volume of pod ${member.name} is full${where}: ${volume.message}; writes are refused. Raise spec.storage.size of the RuntimePool, or delete keys or tenants`,
      }
    case 'Failed':
      return {
        reason: 'StorageFailed',
        message: `the volume of pod ${member.name} failed${where}: ${volume.message}; writes are refused. Check the volume, then: kubectl -n ${namespace} delete pod ${member.name}`,
      }
  }
}

const checkCommand = (pod: string, namespace: string): string =>
  `kubectl -n ${namespace} exec ${pod} -- /usr/local/bin/node /app/check-log.mjs /var/lib/miniredis/log`
