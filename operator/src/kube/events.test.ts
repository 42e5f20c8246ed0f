import assert from 'node:assert/strict'
import { settle, VirtualClock } from '../control/virtual-clock.ts'
import { KubeError } from './errors.ts'
import {
  EVENT_MESSAGE_CHARACTERS_MAX,
  EVENTS_PER_FLUSH,
  KubeEventRecorder,
  PENDING_EVENTS_MAX,
  REPEAT_MS,
} from './events.ts'
import type { ObjectName } from './object.ts'
import type { KubeEvent } from './resources.ts'

const about = (name: string) => ({
  apiVersion: 'miniredis.io/v1alpha1',
  kind: 'TenantNode',
  metadata: { namespace: 'team-a', name, uid: `uid-${name}` },
})
const news = { type: 'Normal', reason: 'Serving', message: 'it answers' } as const

function createRecorder() {
  const clock = new VirtualClock()
  const created: KubeEvent[] = []
  const raised: { name: string; count: number }[] = []
  const failures: unknown[] = []
  let forgotten = false
  const kube = {
    create: async (_: unknown, event: KubeEvent) => created.push(event),
    merge: async (_: unknown, { name }: ObjectName, { count }: { count: number }) => {
      if (forgotten) throw new KubeError('NotFound', 'gone')
      raised.push({ name, count })
    },
  }
  const recorder = new KubeEventRecorder({
    kube: kube as never,
    clock,
    instance: 'operator-1',
    onFailure: (error) => failures.push(error),
  })
  const forget = () => {
    forgotten = true
  }
  return { clock, recorder, created, raised, failures, forget }
}

describe('event recorder', () => {
  it('writes an Event that kubectl describe shows with its object', async () => {
    const { clock, recorder, created } = createRecorder()
    recorder.record(about('cache'), news)
    await clock.advance(0)
    const [event] = created
    assert.match(String(event?.metadata.name), /^cache\.[0-9a-f]{16}$/)
    assert.equal(event?.metadata.namespace, 'team-a')
    assert.deepEqual(event?.involvedObject, {
      apiVersion: 'miniredis.io/v1alpha1',
      kind: 'TenantNode',
      name: 'cache',
      namespace: 'team-a',
      uid: 'uid-cache',
    })
    assert.equal(event?.lastTimestamp, '2026-01-01T00:00:00Z')
    assert.equal(clock.pendingTimers, 0)
  })

  it('counts the same news instead of writing it again, seldom', async () => {
    const { clock, recorder, created, raised } = createRecorder()
    for (let n = 0; n < 100; n++) {
      recorder.record(about('cache'), news)
      await clock.advance(1000)
    }
    await clock.advance(REPEAT_MS)
    assert.equal(created.length, 1)
    assert.equal(raised.at(-1)?.count, 100)
    assert.ok(raised.length <= 5, `${raised.length} updates`)
    assert.equal(clock.pendingTimers, 0)
  })

  it('writes anew what the API has forgotten', async () => {
    const { clock, recorder, created, forget } = createRecorder()
    recorder.record(about('cache'), news)
    await clock.advance(REPEAT_MS)
    forget()
    recorder.record(about('cache'), news)
    await clock.advance(0)
    assert.equal(created.length, 2)
  })

  it('drops what is too much, and writes slowly', async () => {
    const { clock, recorder, created } = createRecorder()
    for (let n = 0; n <= PENDING_EVENTS_MAX; n++) recorder.record(about(`t${n}`), news)
    assert.equal(recorder.dropped, 1)
    await clock.advance(0)
    assert.equal(created.length, EVENTS_PER_FLUSH)
    await clock.advance(60_000)
    assert.equal(created.length, PENDING_EVENTS_MAX)
  })

  it('cuts messages to what the API takes', async () => {
    const { clock, recorder, created } = createRecorder()
    recorder.record(about('cache'), { ...news, message: 'x'.repeat(5000) })
    await clock.advance(0)
    assert.equal(created[0]?.message?.length, EVENT_MESSAGE_CHARACTERS_MAX)
  })

  it('never fails, and writes nothing after it was closed', async () => {
    const { clock, recorder, created } = createRecorder()
    recorder.record(about('cache'), news)
    recorder.close()
    await settle()
    assert.equal(created.length, 0)
    assert.equal(clock.pendingTimers, 0)
  })
})
