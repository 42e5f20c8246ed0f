import assert from 'node:assert/strict'
import { Controller, type Turn } from './controller.ts'
import { after, done, failed, OperatingError, type Outcome } from './outcome.ts'
import { settle, VirtualClock } from './virtual-clock.ts'

function createController(
  reconcile: (key: string) => Outcome | Promise<Outcome>,
  { workers = 2 } = {},
) {
  const clock = new VirtualClock()
  const turns: Turn[] = []
  const controller = new Controller({
    name: 'test',
    workers,
    reconcile: async (key) => reconcile(key),
    clock,
    random: () => 1,
    observer: { reconciled: (turn) => turns.push(turn) },
  })
  return { clock, controller, turns, results: () => turns.map(({ result }) => result) }
}

/** A promise that the test resolves when it wants the reconcile to go on. */
function createGate() {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  return { open: () => resolve(done), passed: promise }
}

describe('controller', () => {
  it('looks again after the delay that the outcome names', async () => {
    const { clock, controller, turns } = createController(() => after(1000))
    controller.start()
    controller.add('a')
    await clock.advance(3500)
    assert.equal(turns.length, 4)
    await controller.stop()
    assert.equal(clock.pendingTimers, 0)
  })

  it('retries failures with back-off for ever, and starts over after a success', async () => {
    let works = false
    const broken = failed(new OperatingError('Unavailable', 'no answer'))
    const { clock, controller, turns, results } = createController(() => (works ? done : broken))
    controller.start()
    controller.add('a')
    await clock.advance(100_000)
    const failures = turns.length
    assert.ok(failures > 9, `${failures} tries`)
    works = true
    await clock.advance(30_000)
    assert.deepEqual(results().slice(failures), ['done'])
    works = false
    controller.add('a')
    await settle()
    assert.equal(turns.at(-1)?.nextMs, 100)
    await controller.stop()
  })

  it('tells bugs from failures of the world', async () => {
    const { controller, results } = createController((key) => {
      if (key === 'assert') assert.fail('impossible')
      if (key === 'type') throw new TypeError('undefined is not a function')
      throw new OperatingError('Unavailable', 'no answer')
    })
    controller.start()
    for (const key of ['assert', 'type', 'world']) controller.add(key)
    await settle()
    assert.deepEqual(results().sort(), ['failed', 'panicked', 'panicked'])
    await controller.stop()
  })

  it('works on as many keys as it has workers and never twice on one', async () => {
    const gates = new Map(['a', 'b', 'c'].map((key) => [key, createGate()]))
    const started: string[] = []
    const { controller } = createController((key) => {
      started.push(key)
      return gates.get(key)?.passed ?? done
    })
    controller.start()
    for (const key of ['a', 'b', 'c']) controller.add(key)
    await settle()
    controller.add('a')
    assert.deepEqual(started, ['a', 'b'])
    gates.get('a')?.open()
    await settle()
    assert.deepEqual(started, ['a', 'b', 'c'])
    gates.get('b')?.open()
    await settle()
    assert.deepEqual(started, ['a', 'b', 'c', 'a'])
    gates.get('c')?.open()
    await controller.stop()
  })

  it('drains on stop: ends what runs, takes nothing new, schedules nothing', async () => {
    const gate = createGate()
    const { clock, controller, turns } = createController(async () => {
      await gate.passed
      return after(10)
    })
    controller.start()
    controller.add('a')
    controller.add('b')
    controller.add('c')
    await settle()
    const stopped = controller.stop()
    controller.add('d')
    gate.open()
    await stopped
    assert.deepEqual(turns.map(({ key }) => key).sort(), ['a', 'b'])
    assert.equal(clock.pendingTimers, 0)
  })

  it('starts again after a stop, only once the old turn of a key has ended', async () => {
    const gate = createGate()
    let running = 0
    let most = 0
    const { controller, turns } = createController(async () => {
      most = Math.max(most, ++running)
      await gate.passed
      running--
      return done
    })
    controller.start()
    controller.add('a')
    await settle()
    const stopped = controller.stop()
    controller.start()
    controller.add('a')
    await settle()
    gate.open()
    await stopped
    await settle()
    assert.deepEqual([most, turns.length], [1, 2])
    await controller.stop()
  })
})
