import assert from 'node:assert/strict'
import fc from 'fast-check'
import { VirtualClock } from '../control/virtual-clock.ts'
import { LeaderElection, microTime } from './leader-election.ts'
import { type LeasePort, LeaseStore } from './lease-store.testing.ts'

/** A machine's own clock, which may run beside the world's. */
function createCandidate(identity: string, clock: VirtualClock, kube: LeasePort) {
  const stop = new AbortController()
  const changes: string[] = []
  const election = new LeaderElection({
    kube,
    clock,
    identity,
    lease: { namespace: 'miniredis', name: 'operator' },
    observer: {
      elected: () => changes.push(`elected ${clock.monotonic()}`),
      deposed: () => changes.push(`deposed ${clock.monotonic()}`),
      failed: () => {},
    },
  })
  const ended = election.run(stop.signal)
  /** Long enough for every call that is still under way. */
  const leave = async (waitMs = 10_000) => {
    stop.abort()
    await clock.advance(waitMs)
    await ended
  }
  return { election, changes, leave }
}

describe('leader election', () => {
  it('writes MicroTime with exactly six digits', () => {
    assert.equal(microTime(Date.UTC(2026, 1, 3, 4, 5, 6, 7)), '2026-02-03T04:05:06.007000Z')
  })

  it('elects a lone candidate at once and keeps it', async () => {
    const clock = new VirtualClock()
    const store = new LeaseStore()
    const a = createCandidate('a', clock, store.connect(clock))
    await clock.advance(60_000)
    assert.deepEqual(a.changes, ['elected 4'])
    assert.equal(store.lease?.spec?.holderIdentity, 'a')
    assert.equal(store.lease?.spec?.leaseDurationSeconds, 7)
    assert.match(String(store.lease?.spec?.renewTime), /\.\d{6}Z$/)
    assert.ok(store.writes <= 61, `${store.writes} writes in a minute`)
    await a.leave()
  })

  it('hands over at once when the leader releases', async () => {
    const clock = new VirtualClock()
    const store = new LeaseStore()
    const a = createCandidate('a', clock, store.connect(clock))
    await clock.advance(100)
    const b = createCandidate('b', clock, store.connect(clock))
    await clock.advance(5000)
    assert.deepEqual([a.election.isLeading(), b.election.isLeading()], [true, false])
    await a.leave(10)
    const released = a.election.release()
    await clock.advance(10)
    await released
    assert.equal(a.election.isLeading(), false)
    assert.equal(store.lease?.spec?.holderIdentity, '')
    await clock.advance(1100)
    assert.equal(b.election.isLeading(), true)
    assert.equal(b.election.mayPromoteWithoutProof(), false)
    await b.leave()
  })

  it('elects another one a full duration after the leader vanished', async () => {
    const clock = new VirtualClock()
    const store = new LeaseStore()
    const a = createCandidate('a', clock, store.connect(clock))
    const b = createCandidate('b', clock, store.connect(clock))
    await clock.advance(5000)
    const [leader, follower] = a.election.isLeading() ? [a, b] : [b, a]
    await leader.leave(6000)
    assert.equal(follower.election.isLeading(), false)
    await clock.advance(3000)
    assert.equal(follower.election.isLeading(), true)
    assert.equal(follower.election.mayPromoteWithoutProof(), true)
    await follower.leave()
  })

  it('is deposed at the renew deadline while its renewals hang, and tells so', async () => {
    const clock = new VirtualClock()
    const store = new LeaseStore()
    let hangs = false
    const a = createCandidate(
      'a',
      clock,
      store.connect(clock, () => ({ lost: hangs })),
    )
    await clock.advance(1500)
    hangs = true
    await clock.advance(4000)
    assert.equal(a.election.isLeading(), false)
    assert.deepEqual(a.changes, ['elected 4', 'deposed 4000'])
    hangs = false
    await clock.advance(3000)
    assert.equal(a.election.isLeading(), true)
    await a.leave()
  })

  it('survives a Lease that somebody deletes or annotates', async () => {
    const clock = new VirtualClock()
    const store = new LeaseStore()
    const a = createCandidate('a', clock, store.connect(clock))
    await clock.advance(1500)
    if (store.lease) {
      const { metadata } = store.lease
      store.lease = { ...store.lease, metadata: { ...metadata, resourceVersion: '1000' } }
    }
    await clock.advance(3000)
    assert.deepEqual(a.changes, ['elected 4'], 'an annotation changes nothing')
    store.lease = undefined
    await clock.advance(3000)
    assert.equal(a.election.isLeading(), true)
    await a.leave()
  })

  it('never has two leaders, whatever is slow or lost', async () => {
    const fault = fc.record({
      requestMs: fc.constantFrom(1, 1, 1, 40, 900, 4000),
      answerMs: fc.constantFrom(1, 1, 1, 40, 900, 4000),
      lost: fc.constantFrom(false, false, false, true),
    })
    const faults = fc.array(fault, { minLength: 1, maxLength: 40 })
    const property = fc.asyncProperty(faults, faults, faults, async (...lists) => {
      const clock = new VirtualClock()
      const store = new LeaseStore()
      const candidates = lists.map((list, n) => {
        let call = 0
        const next = () => (call < list.length ? (list[call++] ?? {}) : {})
        return createCandidate(`candidate-${n}`, clock, store.connect(clock, next))
      })
      for (let step = 0; step < 150; step++) {
        await clock.advance(250)
        const leaders = candidates.filter(({ election }) => election.isLeading())
        assert.ok(leaders.length <= 1, `two leaders after ${clock.monotonic()} ms`)
      }
      for (const { leave } of candidates) await leave()
    })
    await fc.assert(property, { numRuns: 25 })
  })
})
