/**
 * The I/O around leadership.ts: reads and writes the Lease, keeps the time, tells when it changes.
 *
 * It needs a KubePort of its own, with connections of its own and a deadline of LEASE_REQUEST_MS:
 * a renewal must not stand in line behind two hundred reconciles.
 */
import { type Cancel, type Clock, sleep } from '../control/clock.ts'
import { isKubeError } from './errors.ts'
import {
  type Instant,
  initialLeadership,
  isLeading,
  LEASE_DURATION_MS,
  type Leadership,
  type LeaseEvent,
  type LeaseIntention,
  type LeaseRecord,
  leadership,
  leadingUntilMs,
  leaseIntention,
  mayPromoteWithoutProof,
  RENEW_INTERVAL_MS,
  RETRY_MS,
} from './leadership.ts'
import type { ObjectName, Stored } from './object.ts'
import type { KubePort } from './port.ts'
import { type Lease, leases } from './resources.ts'

/** Two tries fit into the renew deadline after a renewal that succeeded. */
export const LEASE_REQUEST_MS = 1_000

export interface LeaderElectionOptions {
  readonly kube: Pick<KubePort, 'get' | 'create' | 'replace'>
  readonly clock: Clock
  readonly lease: Required<ObjectName>
  /** Unique to this process, for example pod name and a random part. */
  readonly identity: string
  readonly observer: LeadershipObserver
}

/** Hears when this process begins and ends to lead. Must not throw. */
export interface LeadershipObserver {
  elected(): void
  deposed(): void
  /** `failures`: how many in a row, this one included. */
  failed(error: unknown, failures: number): void
}

export class LeaderElection {
  readonly #options: LeaderElectionOptions
  #state: Leadership = initialLeadership
  #cancelExpiry: Cancel = () => {}
  #turnMs: number
  #failures = 0

  constructor(options: LeaderElectionOptions) {
    this.#options = options
    this.#turnMs = options.clock.monotonic()
  }

  get identity(): string {
    return this.#options.identity
  }

  /** Read anew at every call: true means at this instant. */
  isLeading(): boolean {
    return isLeading(this.#state, this.#now())
  }

  mayPromoteWithoutProof(): boolean {
    return mayPromoteWithoutProof(this.#state, this.#now())
  }

  /** Milliseconds since the loop last turned; a loop that hangs shows here. */
  get idleMs(): number {
    return this.#options.clock.monotonic() - this.#turnMs
  }

  /** Takes part in the election until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const sent = this.#now()
      this.#turnMs = sent.monotonicMs
      const succeeded = await this.#attempt(sent)
      const nextMs = sent.monotonicMs + (succeeded ? RENEW_INTERVAL_MS : RETRY_MS)
      await sleep(this.#options.clock, nextMs - this.#now().monotonicMs, signal)
    }
    this.#cancelExpiry()
  }

  /**
   * Gives the Lease back, so that the next leader need not wait for its end. Call it after run() has
   * ended and, once grants exist, GRANT_TTL_MS + GRANT_MARGIN_MS after the last one (AUTHORITY 11).
   * Best effort.
   */
  async release(): Promise<void> {
    const state = this.#state
    if (!isLeading(state, this.#now()) || state.role !== 'leading') return
    this.#change({ role: 'following' })
    await this.#write({ ...state.record, holder: '' }).catch((error: unknown) =>
      this.#failed(error),
    )
  }

  async #attempt(sent: Instant): Promise<boolean> {
    try {
      this.#apply({ kind: 'tick' })
      await this.#carryOut(leaseIntention(this.#state, sent, this.identity), sent)
      this.#failures = 0
      return true
    } catch (error) {
      if (!isKubeError(error, 'Conflict', 'NotFound', 'AlreadyExists')) {
        this.#failed(error)
        return false
      }
      return this.#lookAgain()
    }
  }

  /** Somebody else wrote: what we know of the Lease is void until it is read. */
  async #lookAgain(): Promise<boolean> {
    try {
      this.#apply({ kind: 'read', record: await this.#read() })
    } catch (error) {
      this.#failed(error)
    }
    return false
  }

  async #carryOut(intention: LeaseIntention, sent: Instant): Promise<void> {
    if (intention.kind === 'read') {
      this.#apply({ kind: 'read', record: await this.#read() })
      const now = this.#now()
      const next = leaseIntention(this.#state, now, this.identity)
      return next.kind === 'read' ? undefined : this.#carryOut(next, now)
    }
    const record = await this.#write(this.#claim(intention, sent))
    this.#apply({ kind: 'written', record, sent })
  }

  #claim(intention: Exclude<LeaseIntention, { kind: 'read' }>, sent: Instant): LeaseRecord {
    const mine = { holder: this.identity, durationMs: LEASE_DURATION_MS }
    const acquireTime = microTime(sent.wallMs)
    switch (intention.kind) {
      case 'renew':
        return { ...intention.record, ...mine }
      case 'take': {
        const transitions = intention.record.transitions + 1
        return { ...intention.record, ...mine, acquireTime, transitions }
      }
      case 'create':
        return { ...mine, resourceVersion: '', transitions: 0, acquireTime }
    }
  }

  async #read(): Promise<LeaseRecord | null> {
    const lease = await this.#options.kube.get(leases, this.#options.lease)
    return lease === undefined ? null : recordOf(lease)
  }

  async #write(record: LeaseRecord): Promise<LeaseRecord> {
    const { kube, lease, clock } = this.#options
    const object = buildLease(lease, record, clock.now())
    const written =
      record.resourceVersion === ''
        ? await kube.create(leases, object)
        : await kube.replace(leases, object as Stored<Lease>)
    return recordOf(written)
  }

  #failed(error: unknown): void {
    this.#options.observer.failed(error, ++this.#failures)
  }

  #apply(event: LeaseEvent): void {
    this.#change(leadership(this.#state, event, this.#now(), this.identity))
  }

  #change(next: Leadership): void {
    const { observer } = this.#options
    const before = this.#state.role
    this.#state = next
    this.#armExpiry()
    if (before === next.role) return
    if (next.role === 'leading') observer.elected()
    else observer.deposed()
  }

  /** Tells the end of leading at its instant, even while a renewal hangs. */
  #armExpiry(): void {
    this.#cancelExpiry()
    if (this.#state.role !== 'leading') return
    const delayMs = leadingUntilMs(this.#state) - this.#now().monotonicMs
    this.#cancelExpiry = this.#options.clock.after(Math.max(0, delayMs), () =>
      this.#apply({ kind: 'tick' }),
    )
  }

  #now(): Instant {
    const { clock } = this.#options
    return { monotonicMs: clock.monotonic(), wallMs: clock.now() }
  }
}

function recordOf({ metadata, spec }: Stored<Lease>): LeaseRecord {
  return {
    resourceVersion: metadata.resourceVersion,
    holder: spec?.holderIdentity ?? '',
    durationMs: (spec?.leaseDurationSeconds ?? 0) * 1000,
    transitions: spec?.leaseTransitions ?? 0,
    acquireTime: spec?.acquireTime,
  }
}

function buildLease(name: Required<ObjectName>, record: LeaseRecord, nowMs: number): Lease {
  const { holder, resourceVersion, transitions, acquireTime } = record
  return {
    apiVersion: leases.apiVersion,
    kind: leases.kind,
    metadata: { ...name, ...(resourceVersion !== '' && { resourceVersion }) },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: LEASE_DURATION_MS / 1000,
      renewTime: microTime(nowMs),
      leaseTransitions: transitions,
      ...(acquireTime !== undefined && { acquireTime }),
    },
  }
}

/** metav1.MicroTime wants exactly six digits of a second; other clients refuse fewer. */
export const microTime = (ms: number): string =>
  new Date(ms).toISOString().replace(/(\.\d{3})Z$/, '$1000Z')
