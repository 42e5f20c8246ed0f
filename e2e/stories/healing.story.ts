/** What breaks comes back, and status tells the truth meanwhile. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../src/eventually.ts'
import { story } from '../src/story.ts'
import { answersAgain, condition, get, kubectl, list } from '../src/tenants.ts'

const API_OUTAGE_MS = 10_000

describe('healing', () => {
  for (const [kind, name] of [
    ['service', 'cache'],
    ['secret', 'cache-connection'],
    ['endpointslice', 'cache'],
  ] as const) {
    story(`a ${kind} deleted by hand comes back`, async ({ cluster, namespace, tenant }) => {
      const cache = await tenant('cache').apply()
      await cache.becomesReady()
      const before = await get(cluster, kind, name, namespace)
      await kubectl(cluster, ['delete', kind, name, '-n', namespace])
      await eventually(async () => {
        const after = await get(cluster, kind, name, namespace)
        assert.notEqual(after.metadata.uid, before.metadata.uid)
      })
      await cache.becomesReady()
      await answersAgain(cache)
    })
  }

  story('a killed runtime pod is replaced; status is honest meanwhile', async (stage) => {
    const { cluster, tenant } = stage
    const cache = await tenant('cache').apply()
    await cache.becomesReady()
    const pod = await cache.primary()
    const before = await get(cluster, 'pod', pod, cluster.operatorNamespace)
    await kubectl(cluster, ['delete', 'pod', pod, '-n', cluster.operatorNamespace, '--wait=false'])
    await eventually(async () => {
      const ready = await condition(cache, 'Ready')
      assert.equal(ready.status, 'False', JSON.stringify(ready))
      assert.match(ready.message, new RegExp(pod))
    })
    await eventually(async () => {
      const after = await get(cluster, 'pod', pod, cluster.operatorNamespace)
      assert.notEqual(after.metadata.uid, before.metadata.uid)
    })
    await cache.becomesReady()
    await answersAgain(cache)
    assert.equal(await cache.primary(), pod)
  })

  story('a crashed runtime process comes back by itself', async ({ cluster, tenant }) => {
    const cache = await tenant('cache').apply()
    await cache.becomesReady()
    await cluster.killPod(await cache.primary())
    await answersAgain(cache)
    await cache.becomesReady()
  })

  story('an operator killed half-way is finished by the next one', async ({ cluster, tenant }) => {
    const tenants = Array.from({ length: 10 }, (_, index) => tenant(`cache-${index}`))
    await Promise.all(tenants.map((cache) => cache.apply()))
    await cluster.killOperator()
    await Promise.all(tenants.map((cache) => cache.becomesReady(90)))
    await Promise.all(tenants.map(answersAgain))
  })

  story('ten seconds without the API server: clients notice nothing', async (stage) => {
    const { cluster, tenant } = stage
    const cache = await tenant('cache').apply()
    await cache.becomesReady()
    const client = await cache.connect()
    const way = await cache.serviceWay()
    const { password } = await cache.credentials()
    await cluster.stopApi()
    try {
      const end = performance.now() + API_OUTAGE_MS
      let writes = 0
      while (performance.now() < end) {
        writes = await client.incr('writes-during-the-outage')
        await sleep(20)
      }
      assert.ok(writes > 0)
      const fresh = await cache.connect(way, { password })
      assert.equal(await fresh.get('writes-during-the-outage'), String(writes))
    } finally {
      await cluster.startApi()
    }
    await eventually(async () => void (await cache.object()))
    await tenant('afterwards')
      .apply()
      .then((after) => after.becomesReady(90))
  })

  story('a settled world causes no write', async ({ cluster, namespace, tenant }) => {
    const cache = await tenant('cache').apply()
    await cache.becomesReady()
    const kinds = 'tn,service,secret,endpointslice'
    const versions = async () =>
      [
        ...(await list(cluster, kinds, ['-n', namespace])),
        ...(await list(cluster, 'rp,sm,pod,secret', ['-n', cluster.operatorNamespace])),
      ].map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`)
    await eventually(async () => {
      const before = await versions()
      await sleep(5000)
      assert.deepEqual(await versions(), before)
    })
  })
})
