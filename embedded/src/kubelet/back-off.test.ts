import assert from 'node:assert/strict'
import {
  afterRestart,
  BACK_OFF_FORGIVEN_MS,
  BACK_OFF_MAX_MS,
  currentBackOff,
  noBackOff,
} from './back-off.ts'

describe('restart back-off', () => {
  it('restarts at once, then waits 10 s, doubling up to five minutes', () => {
    const delays: number[] = []
    let backOff = noBackOff
    for (let n = 0; n < 8; n += 1) {
      delays.push(backOff.delayMs / 1000)
      backOff = afterRestart(backOff, n)
    }
    assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300])
    assert.equal(backOff.delayMs, BACK_OFF_MAX_MS)
  })

  it('forgives a container that ran long enough', () => {
    const backOff = afterRestart(noBackOff, 0)
    assert.equal(currentBackOff(backOff, BACK_OFF_FORGIVEN_MS).delayMs, 10_000)
    assert.equal(currentBackOff(backOff, BACK_OFF_FORGIVEN_MS + 1).delayMs, 0)
  })
})
