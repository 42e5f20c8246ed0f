/** Deleting one tenant leaves nothing; losing the definition wipes nobody. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { eventually } from '../src/eventually.ts'
import { acceptOrphanRemoval, orphansHeld } from '../src/orphans.ts'
import { story } from '../src/story.ts'
import { kubectl, list } from '../src/tenants.ts'

const crds = join(import.meta.dirname, '..', '..', 'charts', 'miniredis', 'crds')

interface ShardMap {
  readonly spec: { readonly shards: readonly { readonly tenantUid: string }[] }
}

describe('deletion', () => {
  story('a deleted tenant leaves nothing', async ({ cluster, namespace, tenant }) => {
    const cache = await tenant('cache').apply()
    await cache.becomesReady()
    const { uid } = (await cache.object()).metadata
    const client = await cache.connect()
    await client.set('secret', 'value')
    const { password } = await cache.credentials()
    const way = await cache.serviceWay()
    await cache.delete()
    await eventually(async () => {
      const left = await list(cluster, 'service,secret,endpointslice', [
        ...['-n', namespace, '-l', 'app.kubernetes.io/managed-by=miniredis'],
      ])
      assert.deepEqual(
        left.map(({ metadata }) => metadata.name),
        [],
      )
      const maps = (await list(cluster, 'sm', ['-n', cluster.operatorNamespace])) as unknown[]
      const shards = (maps as ShardMap[]).flatMap(({ spec }) => spec.shards)
      assert.ok(!shards.some(({ tenantUid }) => tenantUid === uid), 'the shard is still recorded')
    })
    await assert.rejects(cache.connect(way, { password }), 'the tenant still answers')
    await assert.rejects(client.get('secret'), 'an open connection still reads')
  })

  story('a tenant of the same name starts empty with a new password', async ({ tenant }) => {
    const cache = await tenant('cache').apply()
    await cache.becomesReady()
    const before = await cache.credentials()
    await (await cache.connect()).set('left', 'over')
    await cache.delete()
    await eventually(async () => void (await cache.apply()))
    await cache.becomesReady()
    const after = await eventually(async () => {
      const credentials = await cache.credentials()
      assert.notEqual(credentials.password, before.password)
      return credentials
    })
    const client = await eventually(() => cache.connect(undefined, after))
    assert.equal(await client.get('left'), null)
  })

  story('deleting the definition wipes nobody', async ({ cluster, tenant }) => {
    const [red, blue] = [await tenant('red').apply(), await tenant('blue').apply()]
    await Promise.all([red.becomesReady(), blue.becomesReady()])
    const client = await red.connect()
    await client.set('kept', 'value')
    const recorded = async () => {
      const maps = (await list(cluster, 'sm', ['-n', cluster.operatorNamespace])) as unknown[]
      return (maps as ShardMap[]).flatMap(({ spec }) => spec.shards.map((shard) => shard.tenantUid))
    }
    const before = await recorded()
    await kubectl(cluster, ['delete', 'crd', 'tenantnodes.miniredis.io'])
    await eventually(async () => {
      assert.equal((await orphansHeld(cluster))?.status, 'True')
    })
    await kubectl(cluster, ['apply', '--server-side', '-f', crds])
    await tenant('afterwards')
      .apply()
      .then((after) => after.becomesReady(90))
    assert.equal(await client.get('kept'), 'value')
    const after = await recorded()
    for (const uid of before) assert.ok(after.includes(uid), `shard of ${uid} was wiped`)
    await acceptOrphanRemoval(cluster)
    await eventually(async () => {
      const left = await recorded()
      assert.ok(!before.some((uid) => left.includes(uid)), 'orphans are still recorded')
    })
  })
})
