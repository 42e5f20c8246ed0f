/** Assignments for tests, as sentences. */
import { type Assignment, defaultPersistence } from '@miniredis/crds'

export const assignmentOf = (tenantUid: string, changes: Partial<Assignment> = {}): Assignment => ({
  tenantUid,
  shard: 0,
  epoch: 1,
  firstSlot: 0,
  lastSlot: 16_383,
  userName: `${tenantUid}.team-a`,
  tenantId: `id${tenantUid}`,
  passwordHashes: ['0123456789abcdef'.repeat(4)],
  memoryLimitBytes: 1 << 20,
  connectionsMax: 100,
  databases: 16,
  persistence: defaultPersistence,
  served: true,
  ...changes,
})
