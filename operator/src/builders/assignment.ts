/** What a member is told of a shard that it holds: everything, each time. */
import { createHash } from 'node:crypto'
import {
  type Assignment,
  parseByteSize,
  parseSaveRule,
  type ShardRecord,
  tenantUserName,
} from '@miniredis/crds'
import { tenantIdOf } from './connection-secret.ts'
import type { TenantOwner } from './owned-metadata.ts'

export interface AssignmentOptions {
  readonly tenant: TenantOwner
  readonly record: ShardRecord
  readonly password: string
}

export function buildAssignment({ tenant, record, password }: AssignmentOptions): Assignment {
  const { name, namespace = '', uid } = tenant.metadata
  const { memory, limits, databases, persistence } = tenant.spec
  return {
    tenantUid: record.tenantUid,
    shard: record.shard,
    epoch: record.epoch,
    firstSlot: record.firstSlot,
    lastSlot: record.lastSlot,
    userName: tenantUserName(name, namespace),
    tenantId: tenantIdOf(uid),
    passwordHashes: [createHash('sha256').update(password).digest('hex')],
    memoryLimitBytes: parseByteSize(memory.limit),
    connectionsMax: limits.connections,
    databases,
    persistence: {
      mode: persistence.mode,
      fsync: persistence.fsync,
      saveRules: persistence.save.map(parseSaveRule),
    },
    served: true,
  }
}
