import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../clock.ts'
import type { Pod, PodStatus } from '../kinds.ts'
import { podSchema } from '../kinds.ts'
import type { ApiStore } from '../store/api-store.ts'
import { resources } from '../store/resources.ts'
import { openTestApi } from '../testing.ts'
import { Kubelet } from './kubelet.ts'

/** Real time, but delays of ten seconds and more pass at once. */
const hurriedClock: Clock = {
  now: systemClock.now,
  after: (delayMs, run) => systemClock.after(delayMs >= 10_000 ? 0 : delayMs, run),
}

const forever = 'setInterval(() => {}, 1000)'

describe('kubelet', function () {
  this.timeout(15_000)
  let home: string
  let store: ApiStore
  let kubelet: Kubelet
  const errors: unknown[] = []

  const createKubelet = (clock: Clock = systemClock) =>
    new Kubelet({
      store,
      clock,
      home,
      nodeNames: ['node-a'],
      addressPrefix: '127.95',
      programs: [
        { matches: (image) => image === 'node', paths: { '/bin/node': process.execPath } },
      ],
      claimDirectory: ({ metadata }) => join(home, metadata.name),
      path: '/usr/bin:/bin',
      onError: (error) => errors.push(error),
    })

  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'kubelet-'))
    store = openTestApi({ defer: queueMicrotask, now: Date.now }).store
    kubelet = createKubelet()
    await kubelet.start()
  })
  afterEach(async () => {
    await kubelet.stop(0)
    store.close()
    rmSync(home, { recursive: true, force: true })
    assert.deepEqual(errors.splice(0), [])
  })

  const key = { namespace: 'default', name: 'p' }
  const create = (script: string, container: object = {}, spec: object = {}, meta: object = {}) =>
    store.create(resources.pods, {
      metadata: { ...key, ...meta },
      spec: {
        nodeName: 'node-a',
        terminationGracePeriodSeconds: 1,
        containers: [
          { name: 'main', image: 'node', command: ['/bin/node', '-e', script], ...container },
        ],
        ...spec,
      },
    })

  /** Resolves with the first state of the pod that fits; the test's own time limit bounds it. */
  const until = (fits: (pod: Pod) => boolean): Promise<Pod> =>
    new Promise((resolve) => {
      const watch = store.watch(resources.pods, {}, (event) => {
        if (event.type !== 'ADDED' && event.type !== 'MODIFIED') return
        const pod = podSchema.parse(event.object)
        if (!fits(pod)) return
        resolve(pod)
        watch.close()
      })
    })
  const untilGone = () =>
    new Promise<void>((resolve) => {
      const watch = store.watch(resources.pods, {}, (event) => {
        if (event.type !== 'DELETED') return
        resolve()
        watch.close()
      })
    })
  const main = (status: PodStatus) => status.containerStatuses?.[0]
  const isReady = ({ status }: Pod) =>
    status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true
  const log = async (previous = false) => {
    let text = ''
    for await (const piece of kubelet.readLog({ namespace: 'default', pod: 'p', previous }) ?? []) {
      text += piece
    }
    return text
  }

  it('runs a pod with an address of its own and tells its state', async () => {
    create(`console.log(process.env.WHO, process.env.MINIREDIS_BIND); ${forever}`, {
      env: [{ name: 'WHO', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    })
    const { status } = await until(isReady)
    assert.equal(status.phase, 'Running')
    assert.equal(status.podIP, '127.95.0.1')
    assert.match(main(status)?.containerID ?? '', /^process:\/\/[0-9a-f]{32}$/)
    const written = kubelet.readLog({ namespace: 'default', pod: 'p', follow: true })
    assert.equal((await written?.next())?.value, 'p 127.95.0.1\n')
  })

  it('reports how a container ended before it runs again, and keeps the last state', async () => {
    const states: string[] = []
    store.watch(resources.pods, {}, ({ object }) => {
      const [state] = Object.keys(main(podSchema.parse(object).status)?.state ?? {})
      if (state !== undefined && states.at(-1) !== state) states.push(state)
    })
    create(`console.log('run'); process.exit(3)`)
    const ended = await until(({ status }) => main(status)?.state.terminated !== undefined)
    assert.equal(main(ended.status)?.state.terminated?.exitCode, 3)
    assert.equal(main(ended.status)?.restartCount, 0)
    const looping = await until(
      ({ status }) => main(status)?.state.waiting?.reason === 'CrashLoopBackOff',
    )
    assert.equal(main(looping.status)?.restartCount, 1)
    assert.equal(main(looping.status)?.lastState.terminated?.exitCode, 3)
    assert.match(main(looping.status)?.state.waiting?.message ?? '', /back-off 10s restarting/)
    const seen = ['waiting', 'running', 'terminated', 'running', 'terminated', 'waiting']
    assert.deepEqual(states, seen)
    assert.equal(await log(), 'run\n')
    assert.equal(await log(true), 'run\n')
  })

  it('leaves a pod alone that never restarts', async () => {
    create('process.exit(0)', {}, { restartPolicy: 'Never' })
    const { status } = await until(({ status: { phase } }) => phase === 'Succeeded')
    assert.equal(main(status)?.state.terminated?.reason, 'Completed')
  })

  it('replaces a container that a signal killed', async () => {
    create(forever)
    await until(isReady)
    assert.ok(kubelet.signal('default', 'p', 'SIGKILL'))
    const { status } = await until(
      (pod) => isReady(pod) && (main(pod.status)?.restartCount ?? 0) === 1,
    )
    const last = main(status)?.lastState.terminated
    assert.deepEqual([last?.exitCode, last?.signal], [137, 9])
  })

  it('ends a deleted pod gently, reports the end, and only then lets it go', async () => {
    create(
      `process.on('SIGTERM', () => process.exit(5)); console.log('up'); ${forever}`,
      {},
      {},
      { finalizers: ['miniredis.io/termination-proof'] },
    )
    await until(isReady)
    const lines = kubelet.readLog({ namespace: 'default', pod: 'p', follow: true })
    await lines?.next()
    store.delete(resources.pods, key)
    const { status, metadata } = await until(
      (pod) => main(pod.status)?.state.terminated !== undefined,
    )
    assert.equal(main(status)?.state.terminated?.exitCode, 5)
    assert.ok(metadata.deletionTimestamp)
    assert.equal(kubelet.pid('default', 'p'), undefined)
    const gone = untilGone()
    const body = { metadata: { finalizers: null } }
    store.patch(resources.pods, key, { kind: 'merge', body })
    await gone
  })

  it('kills what does not want to end', async () => {
    create(`process.on('SIGTERM', () => console.log('no')); console.log('up'); ${forever}`)
    await until(isReady)
    const lines = kubelet.readLog({ namespace: 'default', pod: 'p', follow: true })
    await lines?.next()
    const gone = untilGone()
    store.delete(resources.pods, key)
    const next = await lines?.next()
    assert.equal(next?.value, 'no\n')
    await gone
  })

  it('kills at once when the object is forced away', async () => {
    create(`process.on('SIGTERM', () => {}); ${forever}`)
    await until(isReady)
    const uid = store.get(resources.pods, key).metadata.uid
    const gone = untilGone()
    store.delete(resources.pods, key, { gracePeriodSeconds: 0 })
    await gone
    await kubelet.stop(0)
    assert.equal(existsSync(join(home, 'pods', uid)), false)
  })

  it('waits for what is missing and starts when it is there', async () => {
    const envFrom = [{ secretRef: { name: 's' } }]
    create(`console.log(process.env.WORD); ${forever}`, { envFrom })
    const { status } = await until(
      (pod) => main(pod.status)?.state.waiting?.reason === 'CreateContainerConfigError',
    )
    assert.match(main(status)?.state.waiting?.message ?? '', /secret "s" not found/)
    const data = { WORD: Buffer.from('hello').toString('base64') }
    store.create(resources.secrets, { metadata: { namespace: 'default', name: 's' }, data })
    await until(isReady)
  })

  it('says that it does not know an image', async () => {
    create(forever, { image: 'unknown:1' })
    const { status } = await until(
      (pod) => main(pod.status)?.state.waiting?.reason === 'ErrImageNeverPull',
    )
    assert.match(main(status)?.state.waiting?.message ?? '', /"unknown:1" is not present/)
    assert.equal(status.phase, 'Pending')
  })

  it('reports a program that cannot be executed', async () => {
    create('', { command: ['/nowhere'] }, { restartPolicy: 'Never' })
    const { status } = await until(({ status: { phase } }) => phase === 'Failed')
    assert.equal(main(status)?.state.terminated?.reason, 'StartError')
    assert.equal(main(status)?.state.terminated?.exitCode, 128)
  })

  it('restarts a container whose liveness probe fails', async () => {
    const livenessProbe = {
      exec: { command: ['/bin/false'] },
      periodSeconds: 1,
      failureThreshold: 1,
    }
    create(forever, { livenessProbe })
    const { status } = await until(({ status: one }) => (main(one)?.restartCount ?? 0) > 0)
    assert.equal(main(status)?.lastState.terminated?.exitCode, 143)
  })

  it('is ready when the readiness probe says so', async () => {
    const script = `require('net').createServer().listen(7000, process.env.MINIREDIS_BIND)`
    create(script, {
      readinessProbe: { tcpSocket: { port: 7000 }, periodSeconds: 1 },
    })
    const before = await until(({ status }) => main(status)?.state.running !== undefined)
    assert.equal(isReady(before), false)
    await until(isReady)
  })

  it('takes up its pods again after it was stopped', async () => {
    create(forever)
    const before = await until(isReady)
    await kubelet.stop(0)
    const ended = podSchema.parse(store.get(resources.pods, key))
    assert.equal(main(ended.status)?.state.terminated?.exitCode, 137)
    kubelet = createKubelet(hurriedClock)
    await kubelet.start()
    const { status } = await until(isReady)
    assert.equal(status.podIP, before.status.podIP)
    assert.equal(main(status)?.restartCount, 1)
  })

  it('refuses a pod that it cannot understand, and goes on', async () => {
    const containers = Array.from({ length: 17 }, (_, n) => ({ name: `c${n}`, image: 'node' }))
    create(forever, {}, { containers })
    const failed = await new Promise<unknown>((resolve) => {
      const watch = store.watch(resources.pods, {}, ({ object }) => {
        if (!('metadata' in object) || !('spec' in object)) return
        const { status } = object as unknown as { status: { phase?: string } }
        if (status.phase !== 'Failed') return
        resolve(status)
        watch.close()
      })
    })
    assert.match(JSON.stringify(failed), /UnsupportedPod/)
  })
})
