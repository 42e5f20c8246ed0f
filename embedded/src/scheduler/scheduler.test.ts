import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import { claimSchema, podSchema } from '../kinds.ts'
import type { ApiStore } from '../store/api-store.ts'
import type { KubeObject, Resource } from '../store/kube-object.ts'
import { resources } from '../store/resources.ts'
import { openTestApi } from '../testing.ts'
import { Scheduler } from './scheduler.ts'
import { VolumeBinder } from './volume-binder.ts'

describe('scheduler and volume binder', () => {
  let directory: string
  let store: ApiStore
  let scheduler: Scheduler
  let binder: VolumeBinder
  const errors: unknown[] = []

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'binder-'))
    store = openTestApi({ defer: queueMicrotask, now: Date.now }).store
    const options = { store, clock: systemClock, onError: (error: unknown) => errors.push(error) }
    scheduler = new Scheduler(options)
    binder = new VolumeBinder({ ...options, directory })
    scheduler.start()
    binder.start()
  })
  afterEach(() => {
    scheduler.stop()
    binder.stop()
    store.close()
    rmSync(directory, { recursive: true, force: true })
    assert.deepEqual(errors.splice(0), [])
  })

  const addNode = (name: string) => {
    const labels = { 'topology.kubernetes.io/zone': name }
    const node = store.create(resources.nodes, { metadata: { name, labels } })
    const status = { conditions: [{ type: 'Ready', status: 'True' }] }
    store.update(resources.nodes, { ...node, status }, { subresource: 'status' })
  }
  const until = <T>(resource: Resource, look: (object: KubeObject) => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const watch = store.watch(resource, {}, ({ type, object }) => {
        if (type !== 'ADDED' && type !== 'MODIFIED') return
        const found = look(object)
        if (found === undefined) return
        resolve(found)
        watch.close()
      })
    })
  const nodeOf = (name: string) =>
    until(resources.pods, (object) =>
      object.metadata.name === name ? podSchema.parse(object).spec.nodeName : undefined,
    )
  const addPod = (name: string, spec: object = {}) =>
    store.create(resources.pods, {
      metadata: { namespace: 'default', name, labels: { app: 'pool' } },
      spec: {
        containers: [{ name: 'main', image: 'x' }],
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'topology.kubernetes.io/zone',
            whenUnsatisfiable: 'ScheduleAnyway',
            labelSelector: { matchLabels: { app: 'pool' } },
          },
        ],
        ...spec,
      },
    })
  const addClaim = () =>
    store.create(resources.persistentVolumeClaims, {
      metadata: { namespace: 'default', name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    })
  const withClaim = {
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
  }
  const writer = { fieldManager: 'test' }
  const claimKey = { namespace: 'default', name: 'data' }

  it('spreads pods that come at once', async () => {
    for (const name of ['node-a', 'node-b', 'node-c']) addNode(name)
    for (const name of ['p0', 'p1', 'p2']) addPod(name)
    const nodes = await Promise.all(['p0', 'p1', 'p2'].map(nodeOf))
    assert.deepEqual(nodes, ['node-a', 'node-b', 'node-c'])
  })

  it('says why a pod has no node, and schedules it when there is one', async () => {
    addPod('p0')
    const message = await until(
      resources.pods,
      (object) =>
        podSchema.parse(object).status.conditions?.find(({ type }) => type === 'PodScheduled')
          ?.message,
    )
    assert.equal(message, '0/0 nodes are available: there are no nodes.')
    addNode('node-a')
    assert.equal(await nodeOf('p0'), 'node-a')
  })

  it('makes the volume for the first pod, and keeps later pods on its node', async () => {
    for (const name of ['node-a', 'node-b']) addNode(name)
    addClaim()
    addPod('p0', withClaim)
    const node = await nodeOf('p0')
    const claim = await until(resources.persistentVolumeClaims, (object) => {
      const parsed = claimSchema.parse(object)
      return parsed.status.phase === 'Bound' ? parsed : undefined
    })
    assert.ok(existsSync(binder.directoryOf(claim)))
    assert.equal(claim.spec.volumeName, `pvc-${claim.metadata.uid}`)
    addPod('p1', withClaim)
    assert.equal(await nodeOf('p1'), node)
  })

  it('gives a claim that asks for more what it asks for', async () => {
    addNode('node-a')
    addClaim()
    addPod('p0', withClaim)
    const capacityOf = (size: string) =>
      until(resources.persistentVolumeClaims, (object) => {
        const { storage } = claimSchema.parse(object).status.capacity ?? {}
        return storage === size ? true : undefined
      })
    await capacityOf('1Gi')
    const body = { spec: { resources: { requests: { storage: '2Gi' } } } }
    const grown = capacityOf('2Gi')
    store.patch(resources.persistentVolumeClaims, claimKey, { kind: 'merge', body }, writer)
    await grown
  })

  it('keeps a deleted claim while a pod uses it, then removes directory and claim', async () => {
    addNode('node-a')
    addClaim()
    addPod('p0', withClaim)
    await until(resources.persistentVolumeClaims, (object) =>
      claimSchema.parse(object).status.phase === 'Bound' ? true : undefined,
    )
    assert.equal(store.delete(resources.persistentVolumeClaims, claimKey).isGone, false)
    await new Promise(setImmediate)
    assert.equal(readdirSync(directory).length, 1)
    const gone = new Promise<void>((resolve) => {
      store.watch(resources.persistentVolumeClaims, {}, ({ type }) => {
        if (type === 'DELETED') resolve()
      })
    })
    const options = { gracePeriodSeconds: 0 }
    store.delete(resources.pods, { namespace: 'default', name: 'p0' }, options)
    await gone
    assert.deepEqual(readdirSync(directory), [])
  })
})
