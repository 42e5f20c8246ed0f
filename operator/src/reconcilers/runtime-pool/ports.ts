/** What the RuntimePool reconciler may use of the outside world. */
import type { CertificatePair } from '../../builders/tls-secrets.ts'
import type { Ports } from '../../parts.ts'
import type { MembersPort } from '../../runtime-client/member-report.ts'
import type { ShardMapStore } from '../../shard-maps/shard-map-store.ts'

export interface PoolPorts
  extends Pick<Ports, 'kube' | 'caches' | 'clock' | 'recorder' | 'log' | 'metrics'> {
  /** The operator's namespace, where pools live. */
  readonly namespace: string
  /** For pools that name no image. */
  readonly defaultImage: string
  readonly shards: ShardMapStore
  readonly members: MembersPort
  readonly authority: AuthorityPort
  readonly memory: PoolMemory
}

/** The internal certificate authority, one for all pools. */
export interface AuthorityPort {
  /** Reads the authority's Secret, or creates it, once. Needed before the two below. */
  ensure(): Promise<void>
  /**
   * Whether a member's Secret must be issued anew: old, damaged, of another authority, or trusting
   * other authorities than it should.
   */
  isDue(data: Readonly<Record<string, string>>, member: MemberIdentity): boolean
  issue(member: MemberIdentity): Promise<IssuedCertificate>
}

export interface MemberIdentity {
  readonly pool: string
  readonly member: string
}

export interface IssuedCertificate {
  readonly pair: CertificatePair
  /** PEM of all authorities that members must trust. */
  readonly authorityCertificate: string
}

/** What only matters to this process: it may be lost at any time. */
export interface PoolMemory {
  /** Which members have a link, by pool. */
  readonly linked: Map<string, Set<string>>
  /** When a tenant was first seen to have vanished, by pool and tenant UID. */
  readonly vanished: Map<string, Map<string, number>>
  /**
   * The definition of TenantNodes that was last written into a pool's status, by pool UID. The cache
   * may still show an older status, and an older definition must not come back through it.
   */
  readonly definitions: Map<string, string>
}
