import assert from 'node:assert/strict'
import {
  GRANT_MARGIN_MS,
  GRANT_TTL_MS,
  type Instant,
  initialLeadership,
  isLeading,
  LEASE_DURATION_MS,
  type Leadership,
  type LeaseEvent,
  type LeaseRecord,
  leadership,
  leaseIntention,
  mayPromoteWithoutProof,
  RENEW_DEADLINE_MS,
} from './leadership.ts'

const at = (ms: number, wallMs = ms): Instant => ({ monotonicMs: ms, wallMs })
const lease = (resourceVersion: string, holder: string): LeaseRecord => ({
  resourceVersion,
  holder,
  durationMs: LEASE_DURATION_MS,
  transitions: 0,
  acquireTime: undefined,
})
const read = (record: LeaseRecord | null): LeaseEvent => ({ kind: 'read', record })
const written = (version: string, sentMs: number): LeaseEvent => ({
  kind: 'written',
  record: lease(version, 'me'),
  sent: at(sentMs),
})

/** Runs events through the state machine, each at its own time. */
const after = (...events: readonly (readonly [number, LeaseEvent])[]): Leadership =>
  events.reduce((state, [ms, event]) => leadership(state, event, at(ms), 'me'), initialLeadership)

const intended = (state: Leadership, ms: number) => leaseIntention(state, at(ms), 'me').kind

describe('leadership', () => {
  it('keeps the constants in the order that rule 11 needs', () => {
    assert.ok(RENEW_DEADLINE_MS + GRANT_TTL_MS + GRANT_MARGIN_MS <= LEASE_DURATION_MS)
    assert.equal(LEASE_DURATION_MS % 1000, 0)
  })

  it('creates a Lease that does not exist, and takes one that nobody holds', () => {
    assert.equal(intended(after([0, read(null)]), 0), 'create')
    assert.equal(intended(after([0, read(lease('1', ''))]), 0), 'take')
    assert.equal(intended(after([0, read(lease('1', 'me'))]), 0), 'take')
  })

  it('takes the Lease of another one only after it was unchanged for a full duration', () => {
    const first = [1000, read(lease('1', 'other'))] as const
    assert.equal(intended(after(first), 7999), 'read')
    assert.equal(intended(after(first), 8000), 'take')
    const renewed = after(first, [7000, read(lease('2', 'other'))])
    assert.equal(intended(renewed, 13_999), 'read')
    assert.equal(intended(renewed, 14_000), 'take')
    const same = after(first, [7000, read(lease('1', 'other'))])
    assert.equal(intended(same, 8000), 'take')
  })

  it('waits as long as the holder asked for when that is longer', () => {
    const long = { ...lease('1', 'other'), durationMs: 15_000 }
    assert.equal(intended(after([0, read(long)]), 14_999), 'read')
  })

  it('does not take a Lease early because the wall clock jumped', () => {
    const state = after([0, read(lease('1', 'other'))])
    assert.equal(leaseIntention(state, at(1000, 99_000), 'me').kind, 'read')
  })

  it('leads from the sending of the renewal to the renew deadline, not from its answer', () => {
    const state = after([0, read(null)], [900, written('1', 0)])
    assert.equal(isLeading(state, at(2999)), true)
    assert.equal(isLeading(state, at(3000)), false)
    const renewed = leadership(state, written('2', 1000), at(2900), 'me')
    assert.equal(isLeading(renewed, at(3999)), true)
    assert.equal(isLeading(renewed, at(4000)), false)
  })

  it('does not lead by a renewal that was answered too late', () => {
    const state = after([0, read(null)], [3000, written('1', 0)])
    assert.equal(state.role, 'following')
    assert.equal(intended(state, 3000), 'take')
  })

  it('stops leading when either clock says that the deadline has passed', () => {
    const state = after([0, read(null)], [0, written('1', 0)])
    assert.equal(isLeading(state, at(10, 3000)), false, 'the machine slept')
    assert.equal(isLeading(state, at(3000, 10)), false, 'the wall clock went back')
  })

  it('is deposed by a tick after the deadline and by the Lease of another one', () => {
    const leading = after([0, read(null)], [0, written('1', 0)])
    const tick = { kind: 'tick' } as const
    assert.equal(leadership(leading, tick, at(2999), 'me').role, 'leading')
    assert.equal(leadership(leading, tick, at(3000), 'me').role, 'following')
    assert.equal(leadership(leading, read(lease('2', 'other')), at(1), 'me').role, 'following')
    assert.equal(leadership(leading, read(null), at(1), 'me').role, 'following')
  })

  it('goes on with the new version when somebody else only touched its Lease', () => {
    const leading = after([0, read(null)], [0, written('1', 0)])
    const touched = leadership(leading, read(lease('5', 'me')), at(1000), 'me')
    const intention = leaseIntention(touched, at(1000), 'me')
    assert.ok(intention.kind === 'renew' && intention.record.resourceVersion === '5')
    assert.equal(isLeading(touched, at(3000)), false, 'reading is no renewal')
  })

  it('promotes without proof at once only after watching a full duration (rule 12)', () => {
    const watched = after([0, read(lease('1', 'other'))], [7000, written('2', 7000)])
    assert.equal(mayPromoteWithoutProof(watched, at(7000)), true)
    const wait = LEASE_DURATION_MS + GRANT_TTL_MS + GRANT_MARGIN_MS
    const renewals = Array.from(
      { length: 12 },
      (_, n) => [n * 1000, written('1', n * 1000)] as const,
    )
    const taken = after([0, read(lease('1', ''))], ...renewals)
    assert.equal(mayPromoteWithoutProof(taken, at(wait - 1)), false)
    assert.equal(mayPromoteWithoutProof(taken, at(wait)), true)
    assert.equal(mayPromoteWithoutProof(taken, at(14_000)), false, 'no longer leading')
  })
})
