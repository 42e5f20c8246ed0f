/** What the TenantNode reconciler may use of the outside world. */
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
  /** When status.usage was last written, by tenant UID; lost with the process, which does no harm. */
  readonly usageWrittenMs: Map<string, number>
}
