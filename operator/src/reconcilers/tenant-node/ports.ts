/** What the TenantNode reconciler may use of the outside world. */
import type { TenantNode } from '../../kube/resources.ts'
import type { Ports } from '../../parts.ts'
import type { MembersPort } from '../../runtime-client/member-report.ts'
import type { ShardMapStore } from '../../shard-maps/shard-map-store.ts'

export interface TenantPorts
  extends Pick<Ports, 'kube' | 'caches' | 'clock' | 'recorder' | 'metrics'> {
  /** The operator's namespace, where pools live. */
  readonly namespace: string
  readonly shards: ShardMapStore
  readonly members: MembersPort
  /** PASSWORD_RANDOM_CHARACTERS letters and digits from a cryptographic source. */
  readonly newSecretText: () => string
  readonly memory: TenantMemory
}

/** What only matters to this process, by tenant UID: it may be lost at any time. */
export interface TenantMemory {
  /** When status.usage was last written. */
  readonly usageWrittenMs: Map<string, number>
  /**
   * The status that was written last, and the version of the tenant that it was written over: while
   * the cache still has that version, it has not seen what was written.
   */
  readonly writtenStatus: Map<string, WrittenStatus>
}

export interface WrittenStatus {
  readonly over: string
  readonly status: NonNullable<TenantNode['status']>
}
