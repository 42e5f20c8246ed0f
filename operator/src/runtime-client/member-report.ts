/** What the operator knows of a member, and the port through which reconcilers ask and tell it. */
import type {
  Assignment,
  EngineState,
  HeldShard,
  Refusal,
  StorageReport,
  TenantUsage,
} from '@miniredis/crds'

/** Where a member's supervisor listens. */
export interface MemberTarget {
  readonly pool: string
  /** The pod's IP address. */
  readonly address: string
  /** A supervisor that says another pod UID is not the wanted one and is hung up on. */
  readonly podUid: string
  /** Default: ports.control. Another one in tests. */
  readonly port?: number
}

/** An engine process that has ended: proof of termination of that incarnation (AUTHORITY 14). */
export interface EngineExit {
  readonly podUid: string
  readonly bootNonce: string
  readonly exitCode: number | null
  readonly signal: string | null
}

/** The latest that a member said. `held` and `usage` are live views: read them without waiting. */
export interface MemberReport {
  readonly member: string
  readonly podUid: string
  /** The link is up and the member has said hello. */
  readonly connected: boolean
  /** No answer, or no progress of its engine, for SUSPICION_MS. Suspicion is not proof. */
  readonly suspected: boolean
  /** Unset until the first hello. The fields below keep their last value while disconnected. */
  readonly volumeNonce: string | undefined
  readonly engine: EngineState | undefined
  /** By shardKey. */
  readonly held: ReadonlyMap<string, HeldShard>
  readonly usage: ReadonlyMap<string, TenantUsage>
  /** What the present engine said of its volume; healthy until it said something. */
  readonly storage: StorageReport
  /** The last EXITS_KEPT_MAX ends, oldest first. */
  readonly exits: readonly EngineExit[]
  /** Of the injected clock. */
  readonly lastAnswerMs: number | undefined
  /** Why the link is down; unset while it is up. */
  readonly failure: string | undefined
}

/** What became of an assign or unassign. */
export type RequestResult =
  | { readonly kind: 'done' }
  | ({ readonly kind: 'refused' } & Refusal)
  /** Not sent, or the answer was lost with the link, or late: ask again, requests are idempotent. */
  | { readonly kind: 'unanswered'; readonly message: string }

/** A shard that is to be closed to clients (retain), or forgotten with its data (unassign). */
export interface ShardGivenUp {
  readonly tenantUid: string
  readonly shard: number
  readonly epoch: number
}

/** What changed: `storage` at most every second, `usage` about every USAGE_INTERVAL_MS, everything else when it happens. */
export type MemberChange = 'link' | 'engine' | 'held' | 'storage' | 'usage'
export type MemberListener = (member: string, change: MemberChange) => void

/** The members of all pools, as reconcilers see them. Requests never throw. */
export interface MembersPort {
  /** Dials the member, or keeps the link when the target is the same. */
  ensure(member: string, target: MemberTarget): void
  remove(member: string): void
  report(member: string): MemberReport | undefined
  assign(member: string, assignment: Assignment): Promise<RequestResult>
  retain(member: string, shard: ShardGivenUp): Promise<RequestResult>
  unassign(member: string, shard: ShardGivenUp): Promise<RequestResult>
}
