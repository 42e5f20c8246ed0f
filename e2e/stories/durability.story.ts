/** What was acknowledged is there again, whatever ended the process that acknowledged it. */
import assert from 'node:assert/strict'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cluster } from '../src/cluster.ts'
import { eventually } from '../src/eventually.ts'
import { canMount, mountSmallVolume } from '../src/small-volume.ts'
import { type Stage, story } from '../src/story.ts'
import { condition, get, kubectl, list, type Tenant, type TenantClient } from '../src/tenants.ts'

const KEYS = 500
const ROLLOUT_MS = 120_000

/** Every acknowledged write is on disk: the strictest promise, so that nothing may be missing. */
const strict = { persistence: { fsync: 'Always' } }

async function write(client: TenantClient, count = KEYS): Promise<void> {
  const keys = Array.from({ length: count }, (_, index) => index)
  await Promise.all(keys.map((index) => client.set(`key-${index}`, `value-${index}`)))
  await client.set('expiring', 'later', { expiration: { type: 'EX', value: 3600 } })
}

/** Reads everything back through a new connection, once the tenant answers again. */
async function assertKept(tenant: Tenant, count = KEYS): Promise<void> {
  const client = await eventually(async () => {
    const opened = await tenant.connect()
    await opened.get('key-0')
    return opened
  })
  const keys = Array.from({ length: count }, (_, index) => index)
  const values = await Promise.all(keys.map((index) => client.get(`key-${index}`)))
  assert.deepEqual(
    values,
    keys.map((index) => `value-${index}`),
  )
  const left = await client.ttl('expiring')
  assert.ok(left > 3000 && left <= 3600, `${left} s left`)
}

async function prepared({ tenant }: Stage, spec: object = strict): Promise<Tenant> {
  const cache = await tenant('cache').apply(spec)
  await cache.becomesReady()
  await write(await cache.connect())
  return cache
}

const uidOf = async (cluster: Cluster, pod: string): Promise<string> =>
  (await get(cluster, 'pod', pod, cluster.operatorNamespace)).metadata.uid

describe('durability', () => {
  story('a tenant survives its pod', async (stage) => {
    const { cluster } = stage
    const cache = await prepared(stage)
    const pod = await cache.primary()
    await restartPod(cluster, pod)
    await cache.becomesReady()
    await assertKept(cache)
    assert.equal(await cache.primary(), pod)
    assert.equal((await condition(cache, 'StorageHealthy')).status, 'True')
  })

  story('no acknowledged write is lost when the runtime is killed', async (stage) => {
    const { cluster } = stage
    const cache = await prepared(stage)
    const client = await cache.connect()
    let acknowledged = 0
    const writing = (async () => {
      for (;;) acknowledged = await client.incr('acknowledged')
    })().catch(() => undefined)
    await eventually(async () => assert.ok(acknowledged > 100))
    await cluster.killPod(await cache.primary())
    await writing
    await assertKept(cache)
    const found = Number(await (await cache.connect()).get('acknowledged'))
    assert.ok(found === acknowledged || found === acknowledged + 1, `${found} of ${acknowledged}`)
    await cache.becomesReady()
  })

  story('a shard comes back without any operator', async (stage) => {
    const { cluster } = stage
    const cache = await prepared(stage)
    const way = await cache.serviceWay()
    const login = await cache.credentials()
    const kill = await cluster.aimAtPod(await cache.primary())
    await cluster.stopApi()
    try {
      kill()
      await eventually(async () => {
        const client = await cache.connect(way, { password: login.password })
        assert.equal(await client.get('key-7'), 'value-7')
      })
    } finally {
      await cluster.startApi()
    }
    await eventually(async () => void (await cache.object()))
    await cache.becomesReady()
  })

  story('an upgrade of the runtime keeps the data', async (stage) => {
    const { cluster } = stage
    const cache = await prepared(stage)
    const pods = async () => {
      const selector = 'miniredis.io/pool=default,app.kubernetes.io/component=runtime'
      const found = await list(cluster, 'pod', ['-n', cluster.operatorNamespace, '-l', selector])
      return found.map(({ metadata }) => metadata.uid)
    }
    const before = new Set(await pods())
    await patchPool(cluster, 'default', { resources: { requests: { cpu: '50m' } } })
    await eventually(
      async () => {
        const now = await pods()
        assert.ok(now.length === before.size && !now.some((uid) => before.has(uid)), 'old pods')
      },
      { deadlineMs: ROLLOUT_MS },
    )
    await cache.becomesReady()
    await assertKept(cache)
    await patchPool(cluster, 'default', { resources: { requests: { cpu: '100m' } } })
  })

  story('data of a deleted tenant are kept on request, and adopted by name', async (stage) => {
    const { cluster, namespace, tenant } = stage
    const cache = await prepared(stage, { ...strict, deletionPolicy: 'Retain' })
    const { uid } = (await cache.object()).metadata
    const { password } = await cache.credentials()
    const way = await cache.serviceWay()
    await cache.delete()
    await eventually(async () => assert.ok((await retained(cluster)).includes(uid)))
    await assert.rejects(cache.connect(way, { password }), 'the deleted tenant still answers')

    const heir = await tenant('cache').apply({ ...strict, deletionPolicy: 'Retain' })
    await eventually(async () => {
      const ready = await condition(heir, 'Ready')
      assert.equal(ready.reason, 'DataRetained', JSON.stringify(ready))
      assert.ok(!ready.message.includes(uid), 'the condition tells whose data they are')
    })
    const adopt = `miniredis.io/adopt=${uid}`
    await kubectl(cluster, ['annotate', 'tn', 'cache', '-n', namespace, '--overwrite', adopt])
    await heir.becomesReady()
    await assertKept(heir)
    assert.deepEqual(await retained(cluster), [])

    await heir.delete()
    await eventually(async () => assert.ok((await retained(cluster)).includes(uid)))
    const remove = `miniredis.io/remove-retained=${uid}`
    await kubectl(cluster, [
      ...['annotate', 'rp', 'default', '-n', cluster.operatorNamespace],
      ...['--overwrite', remove],
    ])
    await eventually(async () => {
      const maps = (await list(cluster, 'sm', ['-n', cluster.operatorNamespace])) as unknown[]
      const shards = (maps as ShardMap[]).flatMap(({ spec }) => spec.shards)
      assert.ok(!shards.some(({ tenantUid }) => tenantUid === uid), 'the shard is still recorded')
    })
  })

  story('a pool that grows expands its volumes, or says why it cannot', async ({ cluster }) => {
    const namespace = cluster.operatorNamespace
    try {
      await createPool(cluster, 'growing')
      const shrunk = { spec: { storage: { size: '512Mi' } } }
      const refused = await cluster.kubectl([
        ...['patch', 'rp', 'growing', '-n', namespace, '--type=merge', '-p'],
        JSON.stringify(shrunk),
      ])
      assert.match(refused.stderr, /cannot shrink/)
      await patchPool(cluster, 'growing', { storage: { size: '2Gi' } })
      await eventually(async () => {
        const { status } = await get(cluster, 'rp', 'growing', namespace)
        const sized = status?.conditions?.find(({ type }) => type === 'VolumesSized')
        const expected = (await isExpandable(cluster)) ? 'VolumesSized' : 'ExpansionUnsupported'
        assert.equal(sized?.reason, expected, sized?.message)
        if (sized?.status === 'True') assert.match(sized.message, /2Gi/)
      })
    } finally {
      await kubectl(cluster, ['delete', 'rp', 'growing', '-n', namespace, '--wait=false'])
    }
  })

  story('a damaged file is named, and nothing of it is served', async (stage) => {
    const { cluster, namespace, tenant } = stage
    const pod = 'damaged-0-1'
    try {
      await createPool(cluster, 'damaged')
      const cache = await tenant('cache').apply({ pool: 'damaged', ...strict })
      await cache.becomesReady()
      await write(await cache.connect())
      const file = await flipByteInLog(await cluster.volumeDirectory(pod))
      await restartPod(cluster, pod)
      const message = await eventually(async () => {
        const ready = await condition(cache, 'Ready')
        assert.deepEqual([ready.status, ready.reason], ['False', 'StorageDamaged'], ready.message)
        return ready.message
      })
      assert.match(message, new RegExp(`On pod ${pod} log/${file} is damaged at byte \\d+`))
      assert.equal((await condition(cache, 'Stalled')).status, 'True')
      await eventually(async () => {
        const client = await cache.connect()
        await assert.rejects(client.get('key-7'), new RegExp(`not served: .*${file}`))
      })
      await eventually(async () => {
        const events = (await list(cluster, 'event', ['-n', namespace])) as readonly unknown[]
        const reasons = (events as readonly { readonly reason: string }[]).map(
          ({ reason }) => reason,
        )
        assert.ok(reasons.includes('StorageDamaged'), reasons.join())
      })
      await cache.delete()
    } finally {
      await kubectl(cluster, [
        ...['delete', 'rp', 'damaged', '-n', cluster.operatorNamespace, '--wait=false'],
      ])
    }
  })

  // A volume that can be filled has to be mounted; only root may do that.
  if (canMount) story('a full volume refuses writes, keeps reads, and recovers', fillVolume)
})

async function fillVolume({ cluster, tenant }: Stage): Promise<void> {
  const namespace = cluster.operatorNamespace
  const pod = 'small-0-1'
  await createPool(cluster, 'small')
  const volume = await mountSmallVolume(await cluster.volumeDirectory(pod), 96)
  try {
    await restartPod(cluster, pod)
    const cache = await tenant('cache').apply({
      pool: 'small',
      memory: { limit: '512Mi' },
      ...strict,
    })
    await cache.becomesReady()
    const client = await cache.connect()
    await write(client)
    const acknowledged = await fill(client)
    assert.ok(acknowledged > 10, `only ${acknowledged} writes fit`)
    assert.equal(await client.get('key-7'), 'value-7')
    await eventually(async () => {
      const { status, reason } = await condition(cache, 'StorageHealthy')
      assert.deepEqual([status, reason], ['False', 'StorageFull'])
    })
    await volume.resize(256)
    await eventually(async () => assert.equal(await client.set('room', 'again'), 'OK'))
    await cache.becomesReady()
    await restartPod(cluster, pod)
    await cache.becomesReady()
    await assertKept(cache)
    assert.equal(await (await cache.connect()).exists(filled(acknowledged)), acknowledged)
    await cache.delete()
  } finally {
    await kubectl(cluster, ['delete', 'rp', 'small', '-n', namespace, '--wait=false'])
    await volume.remove()
  }
}

/** Flips a bit in the middle of what is written. The name of the segment. */
async function flipByteInLog(volume: string): Promise<string> {
  const directory = join(volume, 'log')
  const [name = ''] = (await readdir(directory)).filter((file) => file.endsWith('.seg')).sort()
  const path = join(directory, name)
  const file = await open(path, 'r+')
  try {
    const { size } = await file.stat()
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.floor(size / 2))
    await file.write(Buffer.of((buffer[0] ?? 0) ^ 0x10), 0, 1, Math.floor(size / 2))
  } finally {
    await file.close()
  }
  return name
}

const filled = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `filled-${index}`)

/** Writes a mebibyte after the other until it is refused. How many were acknowledged. */
async function fill(client: TenantClient): Promise<number> {
  const value = 'x'.repeat(1 << 20)
  for (let count = 0; ; count++) {
    try {
      await client.set(`filled-${count}`, value)
    } catch (error) {
      assert.match((error as Error).message, /MISCONF|space/i)
      return count
    }
  }
}

async function createPool(cluster: Cluster, name: string): Promise<void> {
  const { operatorNamespace: namespace } = cluster
  const pool = {
    apiVersion: 'miniredis.io/v1alpha1',
    kind: 'RuntimePool',
    metadata: { name, namespace },
    spec: { members: 1, storage: { size: '1Gi' }, imagePullPolicy: 'Never' },
  }
  await kubectl(cluster, ['apply', '-f', '-'], JSON.stringify(pool))
  await poolBecomesReady(cluster, name)
}

const poolBecomesReady = (cluster: Cluster, name: string): Promise<string> =>
  kubectl(cluster, [
    ...['wait', '--for=condition=Ready', `rp/${name}`],
    ...['-n', cluster.operatorNamespace, '--timeout=90s'],
  ])

/** Deletes the pod and waits for its successor of the same name. */
async function restartPod(cluster: Cluster, pod: string): Promise<void> {
  const before = await uidOf(cluster, pod)
  await kubectl(cluster, ['delete', 'pod', pod, '-n', cluster.operatorNamespace, '--wait=false'])
  await eventually(async () => assert.notEqual(await uidOf(cluster, pod), before))
  await kubectl(cluster, [
    ...['wait', '--for=condition=Ready', `pod/${pod}`],
    ...['-n', cluster.operatorNamespace, '--timeout=90s'],
  ])
}

interface ShardMap {
  readonly spec: { readonly shards: readonly { readonly tenantUid: string }[] }
}

/** UIDs of the tenants whose data the default pool keeps. */
async function retained(cluster: Cluster): Promise<readonly string[]> {
  const { status } = await get(cluster, 'rp', 'default', cluster.operatorNamespace)
  const { retained: kept = [] } = (status ?? {}) as { retained?: { tenantUid: string }[] }
  return kept.map(({ tenantUid }) => tenantUid)
}

async function patchPool(cluster: Cluster, name: string, spec: object): Promise<void> {
  const patch = JSON.stringify({ spec })
  const { operatorNamespace: namespace } = cluster
  await kubectl(cluster, ['patch', 'rp', name, '-n', namespace, '--type=merge', '-p', patch])
}

async function isExpandable(cluster: Cluster): Promise<boolean> {
  const classes = (await list(cluster, 'storageclass', [])) as readonly unknown[]
  const [first] = classes as readonly { readonly allowVolumeExpansion?: boolean }[]
  return first?.allowVolumeExpansion === true
}
