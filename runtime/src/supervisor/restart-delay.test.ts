import assert from 'node:assert/strict'
import { ENGINE_STABLE_MS, RESTART_DELAY_MS_MAX } from './limits.ts'
import { noCrashes, planRestart } from './restart-delay.ts'

describe('the delay before an engine starts again', () => {
  it('is nothing for the first crash, and grows while crashes are immediate', () => {
    let history = noCrashes
    const delays = Array.from({ length: 7 }, () => {
      const plan = planRestart(history, 50)
      history = plan.history
      return plan.delayMs
    })
    assert.deepEqual(delays, [0, 100, 200, 400, 800, 800, RESTART_DELAY_MS_MAX])
  })

  it('is forgotten when an engine lived long enough', () => {
    const { history, delayMs } = planRestart({ shortLives: 9 }, ENGINE_STABLE_MS)
    assert.deepEqual([history.shortLives, delayMs], [0, 0])
  })
})
