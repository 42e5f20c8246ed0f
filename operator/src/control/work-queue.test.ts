import assert from 'node:assert/strict'
import fc from 'fast-check'
import { backOffMs } from './back-off.ts'
import { VirtualClock } from './virtual-clock.ts'
import { RETRY_BACK_OFF, WorkQueue } from './work-queue.ts'

function createQueue() {
  const clock = new VirtualClock()
  const stop = new AbortController()
  const queue = new WorkQueue({ clock, random: () => 1 })
  const takeNow = () => {
    const now = new AbortController()
    const key = queue.take(now.signal)
    now.abort()
    return key
  }
  return { clock, queue, stop, take: () => queue.take(stop.signal), takeNow }
}

describe('work-queue', () => {
  it('hands out a key once, however often it was added', async () => {
    const { queue, take } = createQueue()
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key)
    assert.deepEqual([await take(), await take(), queue.depth], ['a', 'b', 0])
  })

  it('hands a key that is added while active out again, after its turn', async () => {
    const { queue, take } = createQueue()
    queue.add('a')
    await take()
    queue.add('a')
    queue.add('a')
    queue.add('b')
    assert.equal(await take(), 'b')
    queue.finish('a')
    assert.equal(await take(), 'a')
    assert.equal(queue.depth, 0)
  })

  it('wakes one waiting worker for each key', async () => {
    const { queue, take } = createQueue()
    const waiting = [take(), take()]
    queue.add('a')
    queue.add('b')
    assert.deepEqual(await Promise.all(waiting), ['a', 'b'])
    assert.equal(queue.active, 2)
  })

  it('lets the earliest of several delays count', async () => {
    const { clock, queue } = createQueue()
    queue.addAfter('a', 500)
    queue.addAfter('a', 100)
    queue.addAfter('a', 900)
    await clock.advance(99)
    assert.equal(queue.depth, 0)
    await clock.advance(1)
    assert.equal(queue.depth, 1)
    assert.equal(clock.pendingTimers, 0)
  })

  it('doubles the delay with every failure up to its cap, endlessly, until a success', () => {
    const { queue } = createQueue()
    const delays = Array.from({ length: 40 }, () => queue.addFailed('a'))
    assert.deepEqual(delays.slice(0, 4), [100, 200, 400, 800])
    assert.ok(delays.slice(9).every((delay) => delay === RETRY_BACK_OFF.mostMs))
    assert.equal(queue.addFailed('b'), 100)
    queue.forget('a')
    assert.equal(queue.addFailed('a'), 100)
  })

  it('keeps jitter between half and all of the delay', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, random) => {
          const delay = backOffMs(RETRY_BACK_OFF, n, random)
          return delay >= RETRY_BACK_OFF.firstMs / 2 && delay <= RETRY_BACK_OFF.mostMs
        },
      ),
    )
  })

  it('ends waiting workers when the signal aborts, and leaves no timer after clear', async () => {
    const { clock, queue, stop, take } = createQueue()
    const waiting = take()
    queue.addAfter('a', 10)
    stop.abort()
    queue.clear()
    assert.equal(await waiting, undefined)
    assert.equal(await take(), undefined)
    assert.equal(clock.pendingTimers, 0)
    queue.add('b')
    assert.equal(queue.depth, 1, 'no worker that has left was handed the key')
  })

  it('never has a key active twice and never loses one, in any order of calls', async () => {
    const step = fc.record({
      act: fc.constantFrom('add', 'take', 'finish', 'delay', 'tick'),
      key: fc.constantFrom('a', 'b', 'c'),
    })
    const runsClean = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { clock, queue, takeNow } = createQueue()
      const active = new Set<string>()
      const owed = new Set<string>()
      const begin = async () => {
        const key = await takeNow()
        if (key === undefined) return false
        assert.ok(!active.has(key), `${key} is active twice`)
        active.add(key)
        owed.delete(key)
        return true
      }
      for (const { act, key } of steps) {
        if (act === 'add') queue.add(key)
        if (act === 'delay') queue.addAfter(key, 5)
        if (act === 'add' || act === 'delay') owed.add(key)
        if (act === 'tick') await clock.advance(5)
        if (act === 'take') await begin()
        if (act === 'finish' && active.delete(key)) queue.finish(key)
      }
      await clock.advance(5)
      for (const key of active) queue.finish(key)
      active.clear()
      while (await begin()) assert.ok(queue.active <= 3)
      assert.deepEqual([...owed], [])
    })
    await fc.assert(runsClean, { numRuns: 100 })
  })
})
