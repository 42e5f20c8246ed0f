import assert from 'node:assert/strict'
import { probeSchema } from '../kinds.ts'
import { afterOutcome, initialProbeState, type ProbeKind, type ProbeResult } from './probe-state.ts'

const probe = probeSchema.parse({ failureThreshold: 3, successThreshold: 2 })

const resultAfter = (kind: ProbeKind, outcomes: string): [ProbeResult, boolean] => {
  const state = [...outcomes].reduce(
    (seen, letter) => afterOutcome(seen, letter === '+' ? 'success' : 'failure', probe),
    initialProbeState(kind),
  )
  return [state.result, state.isDecided]
}

describe('probe results', () => {
  const cases = [
    ['liveness', '', 'success', false],
    ['liveness', '--', 'success', false],
    ['liveness', '---', 'failure', true],
    ['liveness', '--+--', 'success', false],
    ['readiness', '', 'failure', false],
    ['readiness', '+', 'failure', false],
    ['readiness', '++', 'success', true],
    ['readiness', '++--', 'success', true],
    ['readiness', '++---', 'failure', true],
    ['startup', '---', 'failure', true],
  ] as const
  for (const [kind, outcomes, result, isDecided] of cases) {
    it(`${kind} after "${outcomes}" is ${result}${isDecided ? '' : ', not decided'}`, () => {
      assert.deepEqual(resultAfter(kind, outcomes), [result, isDecided])
    })
  }
})
