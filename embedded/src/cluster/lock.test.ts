import assert from 'node:assert/strict'
import { acquireHome, acquireLoopbackRange } from './lock.ts'

describe('cluster locks', () => {
  it('let one cluster use a home', async () => {
    const first = await acquireHome(import.meta.dirname)
    assert.ok(first)
    assert.equal(await acquireHome(import.meta.dirname), undefined)
    first.release()
    const second = await acquireHome(import.meta.dirname)
    assert.ok(second)
    second.release()
  })

  it('give clusters side by side different loopback ranges', async () => {
    const first = await acquireLoopbackRange()
    const second = await acquireLoopbackRange()
    assert.notEqual(first.pods, second.pods)
    assert.notEqual(first.services, second.services)
    await assert.rejects(acquireLoopbackRange(first.index), /in use by another embedded cluster/)
    first.lock.release()
    second.lock.release()
  })
})
