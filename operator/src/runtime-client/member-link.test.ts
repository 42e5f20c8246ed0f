import assert from 'node:assert/strict'
import {
  type Assignment,
  BEAT_INTERVAL_MS,
  defaultPersistence,
  type EngineState,
  type HeldShard,
  healthyStorage,
  type MemberMessage,
  type OperatorMessage,
} from '@miniredis/crds'
import { VirtualClock } from '../control/virtual-clock.ts'
import type { ConnectionEvents, MemberConnection } from './connection.ts'
import { EXITS_KEPT_MAX, RECONNECT, REQUEST_MS_MAX, REQUESTS_MAX } from './limits.ts'
import { MemberLinks } from './member-links.ts'
import type { MemberTarget } from './member-report.ts'

const member = 'default-0-1'
const target: MemberTarget = { pool: 'default', address: '127.0.0.9', podUid: 'pod-1' }
const engine: EngineState = { phase: 'running', bootNonce: 'boot-1', progress: 1, restarts: 0 }
const held: HeldShard = { tenantUid: 't1', shard: 0, epoch: 3, digest: 'd', retained: false }
const hello: MemberMessage = {
  kind: 'hello',
  protocolVersion: 1,
  member,
  podUid: target.podUid,
  volumeNonce: 'volume-1',
  engine,
  held: [held],
}
const assignment: Assignment = {
  tenantUid: 't1',
  shard: 0,
  epoch: 3,
  firstSlot: 0,
  lastSlot: 16_383,
  userName: 'cache.team-a',
  tenantId: 'abc',
  passwordHashes: ['0'.repeat(64)],
  memoryLimitBytes: 1 << 20,
  connectionsMax: 10,
  databases: 16,
  persistence: defaultPersistence,
  served: true,
}

/** The member's end of one connection. */
class Peer implements MemberConnection {
  readonly events: ConnectionEvents
  readonly target: MemberTarget
  readonly sent: OperatorMessage[] = []
  closedWith: string | undefined

  constructor(target: MemberTarget, events: ConnectionEvents) {
    this.target = target
    this.events = events
  }

  send(message: OperatorMessage): void {
    this.sent.push(message)
  }

  close(reason: string): void {
    this.closedWith ??= reason
  }

  say(message: MemberMessage): void {
    this.events.message(message)
  }

  answerBeat(state: EngineState = engine): void {
    const sequence = this.sent.filter(({ kind }) => kind === 'beat').length
    this.say({ kind: 'beatAnswer', sequence, engine: state })
  }
}

function createWorld() {
  const clock = new VirtualClock()
  const peers: Peer[] = []
  const changes: string[] = []
  const links = new MemberLinks({
    dial: (_, to, events) => {
      const peer = new Peer(to, events)
      peers.push(peer)
      return peer
    },
    clock,
    random: () => 1,
    onChange: (_, change) => changes.push(change),
  })
  links.start()
  links.ensure(member, target)
  const peer = (): Peer => peers.at(-1) as Peer
  const report = () => {
    const seen = links.report(member)
    assert.ok(seen)
    return seen
  }
  /** Lets time pass while the member answers every beat. */
  const liveFor = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += BEAT_INTERVAL_MS) {
      await clock.advance(BEAT_INTERVAL_MS)
      peer().answerBeat()
    }
  }
  return { clock, peers, changes, links, peer, report, liveFor }
}

describe('the link to a member', () => {
  it('reports what hello says', () => {
    const { peer, report, changes } = createWorld()
    assert.equal(report().connected, false)
    peer().say(hello)
    assert.deepEqual(report().held, new Map([['t1/0', held]]))
    assert.deepEqual(
      [report().connected, report().volumeNonce, report().engine, report().failure],
      [true, 'volume-1', engine, undefined],
    )
    assert.deepEqual(changes, ['engine', 'link'])
  })

  it('follows what the member holds, whoever asked for it', () => {
    const { peer, report, changes } = createWorld()
    peer().say(hello)
    peer().say({ kind: 'held', shard: { ...held, tenantUid: 't2' } })
    peer().say({ kind: 'released', tenantUid: 't1', shard: 0 })
    assert.deepEqual([...report().held.keys()], ['t2/0'])
    assert.deepEqual(changes.slice(2), ['held', 'held'])
  })

  it('keeps the last usage', () => {
    const { peer, report } = createWorld()
    peer().say(hello)
    const usage = { tenantUid: 't1', shard: 0, memoryBytes: 10, keys: 1, connections: 2 }
    peer().say({ kind: 'usage', tenants: [usage] })
    assert.deepEqual(report().usage, new Map([['t1/0', usage]]))
  })

  it('keeps what the engine said of its volume until another engine speaks', () => {
    const { peer, report, changes } = createWorld()
    const full = { ...healthyStorage, volume: { state: 'Full' as const, message: 'no space' } }
    peer().say(hello)
    peer().say({ kind: 'storage', report: full })
    assert.deepEqual(report().storage, full)
    assert.equal(changes.at(-1), 'storage')
    peer().say({ kind: 'engineExited', bootNonce: 'boot-1', exitCode: 1, signal: null })
    assert.deepEqual(report().storage, healthyStorage)
  })

  it('beats twice a second and suspects a member that leaves beats unanswered', async () => {
    const { clock, peer, report, liveFor, changes } = createWorld()
    peer().say(hello)
    await liveFor(5_000)
    assert.equal(peer().sent.length, 10)
    assert.equal(report().suspected, false)
    await clock.advance(1_500)
    assert.equal(report().suspected, false)
    changes.length = 0
    await clock.advance(500)
    assert.equal(report().suspected, true)
    assert.equal(report().connected, true)
    assert.deepEqual(changes, ['link'])
    peer().answerBeat()
    assert.equal(report().suspected, false)
  })

  it('suspects a member whose engine is stalled, though it answers', async () => {
    const { peer, report } = createWorld()
    peer().say(hello)
    peer().answerBeat({ ...engine, phase: 'stalled' })
    assert.equal(report().suspected, true)
  })

  it('gives a silent connection up and dials anew', async () => {
    const { clock, peers, peer, report } = createWorld()
    peer().say(hello)
    await clock.advance(6_000)
    assert.equal(peers[0]?.closedWith, 'the member is silent')
    assert.ok(peers.length > 1)
    assert.equal(report().connected, false)
    assert.equal(report().volumeNonce, 'volume-1')
    peer().say(hello)
    assert.equal(report().connected, true)
  })

  it('gives a connection up that never says hello', async () => {
    const { clock, peers, report } = createWorld()
    await clock.advance(6_000)
    assert.ok(peers.length > 1)
    assert.equal(report().suspected, true)
  })

  it('dials again for ever, later each time up to the limit', async () => {
    const { clock, peers, peer } = createWorld()
    const gaps: number[] = []
    for (let attempt = 0; attempt < 8; attempt++) {
      const before = peers.length
      const startMs = clock.monotonic()
      peer().events.closed('ECONNREFUSED')
      while (peers.length === before) await clock.advance(100)
      gaps.push(clock.monotonic() - startMs)
    }
    assert.deepEqual(gaps, [100, 200, 400, 800, 1600, 2000, 2000, RECONNECT.mostMs])
  })

  it('does not dial faster when a member greets and hangs up', async () => {
    const { clock, peers, peer } = createWorld()
    for (let attempt = 0; attempt < 6; attempt++) {
      peer().say(hello)
      peer().events.closed('reset')
      await clock.advance(2_000)
    }
    peer().say(hello)
    peer().events.closed('reset')
    const before = peers.length
    await clock.advance(1_900)
    assert.equal(peers.length, before)
  })

  it('hangs up on the wrong pod at this address', async () => {
    const { peer, report } = createWorld()
    peer().say({ ...hello, podUid: 'pod-0' })
    assert.equal(report().connected, false)
    assert.match(report().failure ?? '', /pod-0/)
    assert.match(peer().closedWith ?? '', /not the wanted one/)
  })

  it('hangs up on a member that does not begin with hello', () => {
    const { peer, report } = createWorld()
    peer().say({ kind: 'released', tenantUid: 't1', shard: 0 })
    assert.equal(report().connected, false)
    assert.match(peer().closedWith ?? '', /hello/)
  })

  it('ignores what a connection says that was given up', async () => {
    const { clock, peers, report } = createWorld()
    peers[0]?.events.closed('reset')
    await clock.advance(200)
    peers[0]?.say(hello)
    peers[0]?.events.closed('again')
    assert.equal(report().connected, false)
    assert.equal(peers.length, 2)
  })

  it('remembers exits of engines as proof, a bounded number, beyond a new pod', () => {
    const { peer, report, links, changes } = createWorld()
    peer().say(hello)
    for (let boot = 1; boot <= EXITS_KEPT_MAX + 1; boot++) {
      peer().say({ kind: 'engineExited', bootNonce: `b${boot}`, exitCode: null, signal: 'SIGKILL' })
    }
    assert.equal(report().engine?.phase, 'restarting')
    assert.equal(report().exits.length, EXITS_KEPT_MAX)
    assert.equal(report().exits[0]?.bootNonce, 'b2')
    assert.equal(changes.at(-1), 'engine')
    links.ensure(member, { ...target, podUid: 'pod-2' })
    assert.equal(report().exits.at(-1)?.podUid, 'pod-1')
    assert.equal(report().volumeNonce, undefined)
  })

  it('keeps a link whose target did not change', () => {
    const { peers, links } = createWorld()
    links.ensure(member, { ...target })
    assert.equal(peers.length, 1)
    links.ensure(member, { ...target, address: '127.0.0.10' })
    assert.equal(peers.length, 2)
    assert.equal(peers[0]?.closedWith, 'the link was closed')
  })

  it('dials nobody while this process does not lead', async () => {
    const { links, peers, clock, report } = createWorld()
    await links.stop()
    assert.equal(links.report(member), undefined)
    links.ensure(member, target)
    await clock.advance(5_000)
    assert.equal(peers.length, 1)
    assert.equal(clock.pendingTimers, 0)
    links.start()
    assert.equal(peers.length, 2)
    assert.equal(report().connected, false)
    links.remove(member)
    assert.equal(clock.pendingTimers, 0)
  })
})

describe('requests to a member', () => {
  const lastRequestId = (peer: Peer): number => {
    const last = peer.sent.at(-1)
    assert.ok(last !== undefined && last.kind !== 'beat')
    return last.requestId
  }

  it('is done when the member says so', async () => {
    const { peer, links } = createWorld()
    peer().say(hello)
    const result = links.assign(member, assignment)
    peer().say({ kind: 'result', requestId: lastRequestId(peer()), refusal: null })
    assert.deepEqual(await result, { kind: 'done' })
  })

  it('passes a refusal on', async () => {
    const { peer, links } = createWorld()
    peer().say(hello)
    const result = links.unassign(member, { tenantUid: 't1', shard: 0, epoch: 2 })
    const refusal = { code: 'StaleEpoch', message: 'no', epochMin: 4 } as const
    peer().say({ kind: 'result', requestId: lastRequestId(peer()), refusal })
    assert.deepEqual(await result, { kind: 'refused', ...refusal })
  })

  it('is unanswered without a link, without a connection, and when the link is lost', async () => {
    const { peer, links } = createWorld()
    assert.equal((await links.assign('other-0-1', assignment)).kind, 'unanswered')
    assert.equal((await links.assign(member, assignment)).kind, 'unanswered')
    peer().say(hello)
    const result = links.assign(member, assignment)
    peer().events.closed('reset')
    assert.deepEqual(await result, { kind: 'unanswered', message: 'the link was lost: reset' })
  })

  it('is unanswered after its deadline, and a late answer is dropped', async () => {
    const { peer, links, liveFor } = createWorld()
    peer().say(hello)
    const result = links.assign(member, assignment)
    const requestId = lastRequestId(peer())
    await liveFor(REQUEST_MS_MAX)
    assert.equal((await result).kind, 'unanswered')
    peer().say({ kind: 'result', requestId, refusal: null })
  })

  it('waits for a bounded number of answers', async () => {
    const { peer, links } = createWorld()
    peer().say(hello)
    const results = Array.from({ length: REQUESTS_MAX }, () => links.assign(member, assignment))
    assert.match(JSON.stringify(await links.assign(member, assignment)), /wait already/)
    await links.stop()
    assert.deepEqual(new Set((await Promise.all(results)).map(({ kind }) => kind)).size, 1)
  })
})
