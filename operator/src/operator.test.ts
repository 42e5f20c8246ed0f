import assert from 'node:assert/strict'
import { parseConfiguration } from './configuration.ts'
import { after, done, type Outcome } from './control/outcome.ts'
import { VirtualClock } from './control/virtual-clock.ts'
import { KubeError } from './kube/errors.ts'
import { LeaseStore } from './kube/lease-store.testing.ts'
import { type KubeObject, keyOfObject, type Stored } from './kube/object.ts'
import type { WatchOptions } from './kube/port.ts'
import { nodes, pods } from './kube/resources.ts'
import { Operator } from './operator.ts'
import { type Ports, trigger } from './parts.ts'
import { createLogger } from './telemetry/logger.ts'
import { createMetrics } from './telemetry/metrics.ts'

const pod: Stored<KubeObject> = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'miniredis', name: 'a', uid: 'u', resourceVersion: '1' },
}

/** Lists are there when the test says so; watches say nothing. */
function createApi() {
  const state = { serves: true, writes: 0 }
  const kube = {
    list: async () => {
      if (!state.serves) throw new KubeError('Unavailable', 'down')
      return { items: [pod], resourceVersion: '1' }
    },
    async *watch(_: unknown, { signal }: WatchOptions) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
    apply: async () => {
      state.writes++
      return pod
    },
  }
  return { state, kube: kube as never }
}

function createOperator(
  clock: VirtualClock,
  store: LeaseStore,
  identity: string,
  reconcile: (key: string, ports: Ports) => Promise<Outcome> = async () => done,
) {
  const api = createApi()
  const log: string[] = []
  let ports: Ports | undefined
  const operator = new Operator({
    kube: api.kube,
    leaseKube: store.connect(clock),
    clock,
    random: () => 0.5,
    identity,
    log: createLogger('error', { write: (line) => log.push(line) }),
    metrics: createMetrics({ processMetrics: false }).metrics,
    configuration: parseConfiguration({}),
    watchedKinds: [
      { type: pods, namespaces: 'operator' },
      { type: nodes, namespaces: 'all' },
    ],
    createParts: (given) => {
      ports = given
      const record = async (key: string) => {
        log.push(`reconcile ${key}`)
        return reconcile(key, given)
      }
      const triggers = [trigger(pods, (object) => [keyOfObject(object)])]
      return {
        controllers: [{ name: 'pod', workers: 1, triggers, reconcile: record }],
        duties: [
          {
            name: 'links',
            start: () => void log.push('links start'),
            stop: async () => void log.push('links stop'),
          },
        ],
      }
    },
  })
  const stop = async () => {
    const stopped = operator.stop()
    await clock.advance(2000)
    await stopped
  }
  return { operator, log, api, stop, ports: () => ports as Ports }
}

describe('operator', () => {
  it('reconciles every known key once it leads and its caches are filled', async () => {
    const clock = new VirtualClock()
    const { operator, log, api, stop, ports } = createOperator(clock, new LeaseStore(), 'a')
    api.state.serves = false
    operator.start()
    await clock.advance(3000)
    assert.equal(operator.facts().leading, true)
    assert.deepEqual(log, ['links start'])
    api.state.serves = true
    await clock.advance(6000)
    assert.deepEqual(log, ['links start', 'reconcile miniredis/a'])
    ports().enqueue('pod', 'miniredis/b')
    await clock.advance(10)
    assert.equal(log.at(-1), 'reconcile miniredis/b')
    assert.equal(ports().caches.of(pods).get({ namespace: 'miniredis', name: 'a' }), pod)
    await stop()
    assert.equal(log.at(-1), 'links stop')
    assert.equal(clock.pendingTimers, 0, 'nothing is left running')
  })

  it('keeps warm caches but does nothing while another one leads, and takes over', async () => {
    const clock = new VirtualClock()
    const store = new LeaseStore()
    const write = async (_: string, { kube }: Ports) => {
      await kube.apply(pods as never, pod)
      return after(1000)
    }
    const first = createOperator(clock, store, 'a', write)
    first.operator.start()
    await clock.advance(1000)
    const second = createOperator(clock, store, 'b', write)
    second.operator.start()
    await clock.advance(5000)
    assert.deepEqual(second.log, [])
    assert.equal(second.operator.facts().caches[0]?.objects, 1)
    await assert.rejects(second.ports().kube.apply(pods as never, pod), { code: 'NotLeader' })
    const before = first.api.state.writes
    assert.ok(before >= 5)
    await first.stop()
    await clock.advance(1500)
    assert.deepEqual(second.log.slice(0, 2), ['links start', 'reconcile miniredis/a'])
    assert.ok(first.api.state.writes <= before + 1)
    await second.stop()
    assert.equal(clock.pendingTimers, 0)
  })

  it('stops work when it is deposed and goes on when it is elected again', async () => {
    const clock = new VirtualClock()
    const store = new LeaseStore()
    const { operator, log, stop } = createOperator(clock, store, 'a')
    operator.start()
    await clock.advance(1000)
    store.down = true
    await clock.advance(5000)
    assert.deepEqual(log, ['links start', 'reconcile miniredis/a', 'links stop'])
    assert.equal(operator.facts().controllers[0]?.running, false)
    store.down = false
    await clock.advance(3000)
    assert.deepEqual(log.slice(3), ['links start', 'reconcile miniredis/a'])
    await stop()
  })
})
