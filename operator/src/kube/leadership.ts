/**
 * Who leads: the rules of the Lease as a pure state machine (AUTHORITY 11 and 12).
 *
 *               Lease free, or unchanged for a full duration,
 *               and our write of it succeeded
 *   following ────────────────────────────────────────────────► leading
 *       ▲                                                          │
 *       └── 3 s since the last renewal that succeeded was *sent*,  │ renewed
 *           or somebody else holds the Lease, or it is gone ───────┘
 *
 * Holding the Lease is not leading: between the end of the renew deadline (3 s) and the end of the
 * Lease (7 s) nobody leads, so that what the old leader granted has run out before a new one is
 * elected: renew deadline + grant TTL + margin ≤ Lease duration.
 */

export const LEASE_DURATION_MS = 7_000
export const RENEW_DEADLINE_MS = 3_000
export const GRANT_TTL_MS = 3_000
export const GRANT_MARGIN_MS = 500
/** After a failure the next try is sent so long after the failed one. */
export const RETRY_MS = 500
/** A leader renews, and a follower looks, so often while all is well. */
export const RENEW_INTERVAL_MS = 1_000

/** A moment by both clocks of this machine. */
export interface Instant {
  readonly monotonicMs: number
  readonly wallMs: number
}

/** What is in the Lease, as far as it matters here. */
export interface LeaseRecord {
  readonly resourceVersion: string
  /** Empty: nobody. */
  readonly holder: string
  readonly durationMs: number
  readonly transitions: number
  readonly acquireTime: string | undefined
}

export type Leadership = Following | Leading

interface Following {
  readonly role: 'following'
  /** The Lease as last read; null: it did not exist. */
  readonly seen?: { readonly record: LeaseRecord | null; readonly since: Instant }
}

interface Leading {
  readonly role: 'leading'
  readonly record: LeaseRecord
  readonly elected: Instant
  /** When the last renewal that succeeded was sent. */
  readonly renewalSent: Instant
  /** Whether the Lease was watched unchanged for a full duration before it was taken. */
  readonly watchedUnchanged: boolean
}

export type LeaseEvent =
  /** The Lease was read; null: it does not exist. */
  | { readonly kind: 'read'; readonly record: LeaseRecord | null }
  /** Our write of the Lease succeeded. */
  | { readonly kind: 'written'; readonly record: LeaseRecord; readonly sent: Instant }
  /** Time passed. */
  | { readonly kind: 'tick' }

export const initialLeadership: Leadership = { role: 'following' }

/** The next state. `self` is the identity of this candidate, unique to this process. */
export function leadership(
  state: Leadership,
  event: LeaseEvent,
  now: Instant,
  self: string,
): Leadership {
  switch (event.kind) {
    case 'read':
      return afterRead(state, event.record, now, self)
    case 'written':
      return afterWrite(state, event.record, event.sent, now)
    case 'tick':
      return state.role === 'leading' && !isLeading(state, now) ? { role: 'following' } : state
  }
}

/** The check at the instant of acting; true at most until the deadline, whatever became of timers. */
export function isLeading(state: Leadership, now: Instant): boolean {
  return state.role === 'leading' && heldFor(state.renewalSent, now) < RENEW_DEADLINE_MS
}

/** Rule 12: whether a primary may be replaced without proof that it has ended. */
export function mayPromoteWithoutProof(state: Leadership, now: Instant): boolean {
  if (state.role !== 'leading' || !isLeading(state, now)) return false
  const leadingMs = now.monotonicMs - state.elected.monotonicMs
  const waited = leadingMs >= LEASE_DURATION_MS + GRANT_TTL_MS + GRANT_MARGIN_MS
  return state.watchedUnchanged || waited
}

/** What to ask of the API now. */
export type LeaseIntention =
  | { readonly kind: 'read' }
  | { readonly kind: 'create' }
  | { readonly kind: 'take' | 'renew'; readonly record: LeaseRecord }

export function leaseIntention(state: Leadership, now: Instant, self: string): LeaseIntention {
  if (state.role === 'leading') return { kind: 'renew', record: state.record }
  if (state.seen === undefined) return { kind: 'read' }
  const { record } = state.seen
  if (record === null) return { kind: 'create' }
  return isFree(record, self) || isExpired(state.seen, now)
    ? { kind: 'take', record }
    : { kind: 'read' }
}

/** When leading ends unless a renewal succeeds; by the monotonic clock. */
export const leadingUntilMs = ({ renewalSent }: Leading): number =>
  renewalSent.monotonicMs + RENEW_DEADLINE_MS

function afterRead(
  state: Leadership,
  record: LeaseRecord | null,
  now: Instant,
  self: string,
): Leadership {
  // Touched by somebody else but still ours: the next renewal needs the new version.
  const stillOurs = state.role === 'leading' && isLeading(state, now) && record?.holder === self
  if (stillOurs) return { ...state, record }
  const seen = state.role === 'following' ? state.seen : undefined
  const unchanged = seen !== undefined && isSameLease(seen.record, record)
  return { role: 'following', seen: { record, since: unchanged ? seen.since : now } }
}

function afterWrite(
  state: Leadership,
  record: LeaseRecord,
  sent: Instant,
  now: Instant,
): Leadership {
  const next: Leading =
    state.role === 'leading'
      ? { ...state, record, renewalSent: sent }
      : {
          role: 'leading',
          record,
          elected: now,
          renewalSent: sent,
          watchedUnchanged: state.seen !== undefined && isExpired(state.seen, sent),
        }
  // An answer that came too late proves nothing about now; the Lease is ours and can be taken again.
  return isLeading(next, now) ? next : { role: 'following', seen: { record, since: now } }
}

const isSameLease = (a: LeaseRecord | null, b: LeaseRecord | null): boolean =>
  a?.resourceVersion === b?.resourceVersion

const isFree = ({ holder }: LeaseRecord, self: string): boolean => holder === '' || holder === self

/** By the monotonic clock alone: a wall clock that jumps must not shorten another one's Lease. */
function isExpired({ record, since }: NonNullable<Following['seen']>, now: Instant): boolean {
  const durationMs = Math.max(LEASE_DURATION_MS, record?.durationMs ?? 0)
  return record !== null && now.monotonicMs - since.monotonicMs >= durationMs
}

/** By the clock that went further: a machine that slept must not believe that no time passed. */
const heldFor = (since: Instant, now: Instant): number =>
  Math.max(now.monotonicMs - since.monotonicMs, now.wallMs - since.wallMs)
