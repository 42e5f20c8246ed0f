/** From kubectl apply to an answer, through every kind of door and with every stock client. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { runCommand } from '../kubernetes/command.ts'
import { ensureRedisPy } from '../src/python.ts'
import { story } from '../src/story.ts'
import { get } from '../src/tenants.ts'

describe('connecting', () => {
  story('a tenant answers through its Service', async ({ tenant }) => {
    const cache = await tenant('cache').apply()
    await cache.becomesReady()
    const client = await cache.connect()
    assert.equal(await client.set('greeting', 'hello'), 'OK')
    assert.equal(await client.get('greeting'), 'hello')
  })

  story('a tenant answers through a LoadBalancer', async ({ tenant }) => {
    const cache = await tenant('cache').apply({ endpoint: { type: 'LoadBalancer' } })
    await cache.becomesReady()
    const client = await cache.connect(await cache.endpointWay())
    assert.equal(await client.set('greeting', 'hello'), 'OK')
    assert.equal(await client.get('greeting'), 'hello')
  })

  story('a tenant answers through a NodePort', async ({ tenant }) => {
    const cache = await tenant('cache').apply({ endpoint: { type: 'NodePort' } })
    await cache.becomesReady()
    const client = await cache.connect(await cache.endpointWay())
    assert.equal(await client.set('greeting', 'hello'), 'OK')
  })

  story('the connection Secret is a service binding', async ({ cluster, tenant, namespace }) => {
    const cache = await tenant('cache').apply()
    await cache.becomesReady()
    const secret = await get(cluster, 'secret', 'cache-connection', namespace)
    assert.equal((secret as unknown as { type: string }).type, 'servicebinding.io/redis')
    const { username, password } = await cache.credentials()
    assert.equal(username, `cache.${namespace}`)
    assert.match(password, /^[a-z0-9]+_[A-Za-z0-9]{32}$/)
    const client = await cache.connect(undefined, { username, password })
    assert.equal(await client.ping(), 'PONG')
  })

  story('ioredis connects with host, port and password', async ({ tenant }) => {
    const cache = await tenant('cache').apply()
    await cache.becomesReady()
    const way = await cache.serviceWay()
    const { password } = await cache.credentials()
    const client = new Redis({ host: way.host, port: way.port, password })
    try {
      assert.equal(await client.set('a', '1'), 'OK')
      assert.equal(await client.incr('a'), 2)
    } finally {
      client.disconnect()
      await way.close()
    }
  })

  story('redis-py connects with host, port and password', async ({ tenant }) => {
    const cache = await tenant('cache').apply()
    await cache.becomesReady()
    const way = await cache.serviceWay()
    const { password } = await cache.credentials()
    const script = join(import.meta.dirname, '..', 'src', 'redis_py_defaults.py')
    const python = await ensureRedisPy()
    const printed = await runCommand([python, script, way.host, String(way.port), password])
    await way.close()
    assert.equal(printed.trim(), "b'1' 2")
  })
})
