import assert from 'node:assert/strict'
import { podSchema } from '../kinds.ts'
import { buildPodStatus, type ContainerView, podPhase } from './pod-status.ts'

const metadata = { name: 'p', namespace: 'default', uid: 'u' }
const pod = (spec: object = {}, more: object = {}) =>
  podSchema.parse({
    metadata: { ...metadata, ...more },
    spec: { containers: [{ name: 'main' }], ...spec },
  })

const base = { name: 'main', image: 'x', restartCount: 0, isReady: false, isStarted: false }
const waiting: ContainerView = { ...base, state: { kind: 'waiting', reason: 'ContainerCreating' } }
const running: ContainerView = {
  ...base,
  state: { kind: 'running', startedAt: 0 },
  isReady: true,
  isStarted: true,
}
const ended = (exitCode: number): ContainerView => ({
  ...base,
  state: { kind: 'terminated', terminated: { exitCode } },
})
const looping: ContainerView = {
  ...base,
  state: { kind: 'waiting', reason: 'CrashLoopBackOff' },
  lastTerminated: { exitCode: 1 },
}

describe('pod phase', () => {
  const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z' }
  const cases = [
    ['a new pod', pod(), [waiting], 'Pending'],
    ['one of two runs', pod(), [running, waiting], 'Pending'],
    ['all run', pod(), [running, running], 'Running'],
    ['ended, restarts always', pod(), [ended(1)], 'Running'],
    ['crash loop', pod(), [looping], 'Running'],
    ['failed, never restarts', pod({ restartPolicy: 'Never' }), [ended(1)], 'Failed'],
    ['done, never restarts', pod({ restartPolicy: 'Never' }), [ended(0)], 'Succeeded'],
    ['done, restarts on failure', pod({ restartPolicy: 'OnFailure' }), [ended(0)], 'Succeeded'],
    ['failed, restarts on failure', pod({ restartPolicy: 'OnFailure' }), [ended(1)], 'Running'],
    ['one failed', pod({ restartPolicy: 'Never' }), [ended(0), ended(2)], 'Failed'],
    ['deleted and killed', pod({}, deleted), [ended(137)], 'Failed'],
    ['deleted and done', pod({}, deleted), [ended(0)], 'Succeeded'],
    ['deleted, still running', pod({}, deleted), [running], 'Running'],
    ['deleted before it ran', pod({}, deleted), [waiting], 'Failed'],
  ] as const
  for (const [title, object, containers, phase] of cases) {
    it(`${title}: ${phase}`, () => assert.equal(podPhase({ pod: object, containers }), phase))
  }
})

describe('pod status', () => {
  const condition = (status: ReturnType<typeof buildPodStatus>, type: string) =>
    status.conditions?.find((one) => one.type === type)
  const view = { hostIP: '127.0.0.1', podIP: '127.64.0.1' }

  it('moves transition times only when a condition flips', () => {
    const first = buildPodStatus({ ...view, pod: pod(), containers: [waiting], now: 0 })
    const same = { ...pod(), status: first }
    const second = buildPodStatus({ ...view, pod: same, containers: [waiting], now: 60_000 })
    assert.deepEqual(second, first)
    const third = buildPodStatus({ ...view, pod: same, containers: [running], now: 120_000 })
    assert.equal(condition(third, 'Ready')?.lastTransitionTime, '1970-01-01T00:02:00Z')
    assert.equal(condition(third, 'PodScheduled')?.lastTransitionTime, '1970-01-01T00:00:00Z')
  })

  it('names the containers that are not ready', () => {
    const status = buildPodStatus({ ...view, pod: pod(), containers: [waiting], now: 0 })
    const ready = condition(status, 'Ready')
    assert.equal(ready?.reason, 'ContainersNotReady')
    assert.equal(ready?.message, 'containers with unready status: [main]')
  })

  it('keeps conditions of others', () => {
    const other = { type: 'DisruptionTarget', status: 'True', lastTransitionTime: 'then' } as const
    const object = { ...pod(), status: { conditions: [other] } }
    const status = buildPodStatus({ ...view, pod: object, containers: [running], now: 0 })
    assert.deepEqual(condition(status, 'DisruptionTarget'), other)
  })
})
