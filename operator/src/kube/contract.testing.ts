/**
 * What the client relies on in a Kubernetes API, as checks that run against any: the embedded one in
 * tests, a real one by hand (see contract.test.ts).
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { applyCrds } from '../apply-crds.ts'
import { systemClock } from '../control/clock.ts'
import { ObjectCache } from './cache.ts'
import { isKubeError, type KubeErrorCode } from './errors.ts'
import { KubeEventRecorder } from './events.ts'
import type { KubeClient } from './kube-client.ts'
import { LeaderElection } from './leader-election.ts'
import type { KubeObject, ResourceType } from './object.ts'
import { listAll } from './port.ts'
import { Reflector } from './reflector.ts'
import {
  customResourceDefinitions,
  events,
  leases,
  type Secret,
  secrets,
  type TenantNode,
  tenantNodes,
} from './resources.ts'

const definitions = join(import.meta.dirname, '..', '..', '..', 'charts', 'miniredis', 'crds')

export interface ContractSubject {
  readonly client: KubeClient
  /** A namespace that exists and holds nothing of ours. */
  readonly namespace: string
}

type Check = readonly [title: string, run: (subject: ContractSubject) => Promise<void>]

const secret = (namespace: string, name: string, value = 'x'): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace, name, labels: { app: 'contract' } },
  type: 'Opaque',
  data: { key: Buffer.from(value).toString('base64') },
})
const tenant = (namespace: string, name: string): TenantNode =>
  ({
    apiVersion: tenantNodes.apiVersion,
    kind: tenantNodes.kind,
    metadata: { namespace, name },
    spec: {},
  }) as unknown as TenantNode

const rejectsWith = (call: Promise<unknown>, ...codes: readonly KubeErrorCode[]) =>
  assert.rejects(call, (error) => isKubeError(error, ...codes) || assert.fail(String(error)))

async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await holds()) return
    await delay(25)
  }
  assert.fail(`not within 10 s: ${what}`)
}

/** Runs a reflector for the length of a check. */
async function reflecting<T extends KubeObject>(
  { client, namespace }: ContractSubject,
  type: ResourceType<T>,
  run: (cache: ObjectCache<T>, problems: readonly unknown[]) => Promise<void>,
): Promise<void> {
  const cache = new ObjectCache<T>()
  const problems: unknown[] = []
  const stop = new AbortController()
  const reflector = new Reflector({
    kube: client,
    type,
    scope: { namespace },
    cache,
    clock: systemClock,
    random: Math.random,
    observer: { listed: () => {}, broke: (_, error) => problems.push(error) },
  })
  const ended = reflector.run(stop.signal)
  try {
    await run(cache, problems)
  } finally {
    stop.abort()
    await ended
  }
}

export const contract: readonly Check[] = [
  [
    'a kind without definition is unknown, not absent',
    async ({ client, namespace }) => {
      await rejectsWith(client.get(tenantNodes, { namespace, name: 'x' }), 'UnknownResource')
      await rejectsWith(client.list(tenantNodes), 'UnknownResource')
      await rejectsWith(client.apply(tenantNodes, tenant(namespace, 'x')), 'UnknownResource')
    },
  ],
  [
    'definitions are applied, and applied again',
    async ({ client }) => {
      const ports = { kube: client, clock: systemClock, onApplied: () => {} }
      await applyCrds(definitions, ports)
      await applyCrds(definitions, ports)
    },
  ],
  [
    'an object is created once, replaced by its version, merged, deleted by its identity',
    async ({ client, namespace }) => {
      const name = { namespace, name: 'one' }
      assert.equal(await client.get(secrets, name), undefined)
      const created = await client.create(secrets, secret(namespace, 'one'))
      await rejectsWith(client.create(secrets, secret(namespace, 'one')), 'AlreadyExists')
      const labels = { app: 'contract', more: 'yes' }
      const replaced = await client.replace(secrets, {
        ...created,
        metadata: { ...created.metadata, labels },
      })
      assert.deepEqual(replaced.metadata.labels, labels)
      await rejectsWith(client.replace(secrets, created), 'Conflict')
      const merged = await client.merge(secrets, name, { metadata: { labels: { more: null } } })
      assert.deepEqual(merged.metadata.labels, { app: 'contract' })
      const { uid } = merged.metadata
      await rejectsWith(client.delete(secrets, name, { uid: 'other' }), 'Conflict')
      const stale = { uid, resourceVersion: created.metadata.resourceVersion }
      await rejectsWith(client.delete(secrets, name, stale), 'Conflict')
      await client.delete(secrets, name, { uid })
      await client.delete(secrets, name)
      assert.equal(await client.get(secrets, name), undefined)
    },
  ],
  [
    'server-side apply creates, changes, drops what is left out, and keeps what others own',
    async ({ client, namespace }) => {
      const name = { namespace, name: 'applied' }
      const first = await client.apply(secrets, {
        ...secret(namespace, 'applied'),
        metadata: { ...name, labels: { a: '1', b: '1' } },
      })
      await client.merge(secrets, name, { metadata: { annotations: { theirs: 'kept' } } })
      const second = await client.apply(secrets, {
        ...secret(namespace, 'applied', 'y'),
        metadata: { ...name, labels: { a: '2' } },
      })
      assert.equal(second.metadata.uid, first.metadata.uid)
      assert.deepEqual(second.metadata.labels, { a: '2' })
      assert.deepEqual(second.metadata.annotations, { theirs: 'kept' })
      const third = await client.apply(secrets, {
        ...secret(namespace, 'applied', 'y'),
        metadata: { ...name, labels: { a: '2' } },
      })
      assert.equal(third.metadata.resourceVersion, second.metadata.resourceVersion, 'no news')
      const other = { ...name, uid: '00000000-0000-0000-0000-000000000000' }
      const recreated = { ...secret(namespace, 'applied'), metadata: other }
      await rejectsWith(client.apply(secrets, recreated), 'Conflict', 'Invalid')
      await client.delete(secrets, name)
    },
  ],
  [
    'a finalizer holds an object until it is removed',
    async ({ client, namespace }) => {
      const name = { namespace, name: 'held' }
      const finalizers = ['miniredis.io/termination-proof']
      await client.create(secrets, {
        ...secret(namespace, 'held'),
        metadata: { ...name, finalizers },
      })
      await client.delete(secrets, name)
      const held = await client.get(secrets, name)
      assert.ok(held?.metadata.deletionTimestamp)
      const { resourceVersion } = held.metadata
      await client.merge(secrets, name, { metadata: { resourceVersion, finalizers: null } })
      assert.equal(await client.get(secrets, name), undefined)
    },
  ],
  [
    'a status is written apart from the spec, and drops what is left out',
    async ({ client, namespace }) => {
      const name = { namespace, name: 'status' }
      const created = await client.apply(tenantNodes, tenant(namespace, 'status'))
      assert.ok(created.spec.memory, 'defaults are filled in')
      const written = { observedGeneration: 1, phase: 'Pending' } as never
      assert.equal(await client.patchStatus(tenantNodes, created, written), true)
      const seen = await client.get(tenantNodes, name)
      assert.ok(seen)
      assert.equal(seen.metadata.generation, created.metadata.generation)
      assert.equal(await client.patchStatus(tenantNodes, seen, written), false)
      assert.equal(await client.patchStatus(tenantNodes, seen, { phase: 'Ready' } as never), true)
      assert.deepEqual((await client.get(tenantNodes, name))?.status, { phase: 'Ready' })
      await client.delete(tenantNodes, name)
    },
  ],
  [
    'what breaks the schema is refused with the field',
    async ({ client, namespace }) => {
      const wrong = { ...tenant(namespace, 'wrong'), spec: { memory: { limit: 'lots' } } } as never
      await assert.rejects(client.apply(tenantNodes, wrong), /spec\.memory\.limit/)
      const unknown = { ...tenant(namespace, 'wrong'), spec: { colour: 'red' } } as never
      await rejectsWith(client.apply(tenantNodes, unknown), 'Invalid')
    },
  ],
  [
    'lists come in pages and by label',
    async ({ client, namespace }) => {
      for (let n = 0; n < 5; n++) await client.create(secrets, secret(namespace, `page-${n}`))
      const scope = { namespace, labelSelector: 'app=contract' }
      const first = await client.list(secrets, { ...scope, limit: 2 })
      assert.deepEqual([first.items.length, first.continue !== undefined], [2, true])
      const { items } = await listAll(client, secrets, scope)
      assert.equal(items.length, 5)
      assert.equal(items[0]?.kind, 'Secret')
      await rejectsWith(client.list(secrets, { ...scope, continue: 'nonsense' }), 'Invalid', 'Gone')
    },
  ],
  [
    'a reflector follows what happens',
    (subject) =>
      reflecting(subject, secrets, async (cache, problems) => {
        const { client, namespace } = subject
        await eventually('the list', () => cache.synced && cache.list().length >= 5)
        await client.create(secrets, secret(namespace, 'news'))
        await eventually('the news', () => cache.get({ namespace, name: 'news' }) !== undefined)
        await client.apply(secrets, secret(namespace, 'news', 'changed'))
        const data = Buffer.from('changed').toString('base64')
        await eventually(
          'the change',
          () => cache.get({ namespace, name: 'news' })?.data?.key === data,
        )
        for (let n = 0; n < 5; n++) await client.delete(secrets, { namespace, name: `page-${n}` })
        await client.delete(secrets, { namespace, name: 'news' })
        await eventually('the end', () => cache.get({ namespace, name: 'news' }) === undefined)
        assert.deepEqual(problems, [])
      }),
  ],
  [
    'a watch from nonsense is refused',
    async ({ client, namespace }) => {
      const { signal } = new AbortController()
      const options = { namespace, resourceVersion: 'nonsense', timeoutSeconds: 5, signal }
      const watching = async () => {
        for await (const { kind } of client.watch(secrets, options)) assert.fail(kind)
      }
      await rejectsWith(watching(), 'Invalid', 'Gone', 'Unavailable')
    },
  ],
  [
    'two candidates agree on one leader, who hands over',
    async ({ client, namespace }) => {
      const candidates = ['a', 'b'].map((identity) => createCandidate(client, namespace, identity))
      const leaders = () => candidates.filter(({ election }) => election.isLeading())
      await eventually('a leader', () => leaders().length === 1)
      const [leader] = leaders()
      await leader?.leave()
      const lease = await client.get(leases, { namespace, name: 'contract' })
      assert.match(String(lease?.spec?.renewTime), /\.\d{6}Z$/)
      await eventually('the next leader', () => leaders().length === 1)
      for (const { leave } of candidates) await leave()
    },
  ],
  [
    'an Event is written and its count raised',
    async ({ client, namespace }) => {
      const about = await client.create(secrets, secret(namespace, 'about'))
      const failures: unknown[] = []
      const recorder = new KubeEventRecorder({
        kube: client,
        clock: systemClock,
        instance: 'contract',
        onFailure: (error) => failures.push(error),
      })
      recorder.record(about, { type: 'Normal', reason: 'Serving', message: 'it answers' })
      const fieldSelector = 'involvedObject.name=about'
      const found = async () => (await client.list(events, { namespace, fieldSelector })).items
      await eventually('the Event', async () => (await found()).length === 1 || failures.length > 0)
      recorder.close()
      assert.deepEqual(failures, [])
      const [event] = await found()
      assert.equal(event?.involvedObject.uid, about.metadata.uid)
      const raised = await client.merge(events, event.metadata, { count: 2 })
      assert.equal(raised.count, 2)
      await client.delete(secrets, { namespace, name: 'about' })
    },
  ],
  [
    'a cache keeps its objects when the definition of their kind goes',
    (subject) =>
      reflecting(subject, tenantNodes, async (cache, problems) => {
        const { client, namespace } = subject
        await eventually('the list', () => cache.synced)
        const name = 'tenantnodes.miniredis.io'
        await client.delete(customResourceDefinitions, { name })
        await eventually('the end of the definition', async () => {
          return (await client.get(customResourceDefinitions, { name })) === undefined
        })
        await eventually('the end of the watch', () => problems.length > 0)
        await rejectsWith(client.get(tenantNodes, { namespace, name: 'x' }), 'UnknownResource')
        assert.equal(cache.synced, true)
      }),
  ],
]

function createCandidate(client: KubeClient, namespace: string, identity: string) {
  const stop = new AbortController()
  const election = new LeaderElection({
    kube: client,
    clock: systemClock,
    identity,
    lease: { namespace, name: 'contract' },
    observer: { elected: () => {}, deposed: () => {}, failed: () => {} },
  })
  const ended = election.run(stop.signal)
  const leave = async () => {
    stop.abort()
    await ended
    await election.release()
  }
  return { election, leave }
}
