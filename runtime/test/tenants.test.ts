/** Tenants over real sockets: who gets in, what they see, what limits them. */
import assert from 'node:assert/strict'
import { passwordOf, sha256, startEngine, type TestEngine, tenant } from './engine.ts'
import { encodeRequest, type RespClient } from './resp-client.ts'

const WRONG_PASS = '-WRONGPASS invalid username-password pair or user is disabled.\r\n'
const OUT_OF_MEMORY = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
const NO_ROOM = '-ERR max number of clients reached\r\n'
const ok = '+OK\r\n'

describe('tenants', () => {
  let engine: TestEngine
  const clients: RespClient[] = []

  const connect = async (): Promise<RespClient> => {
    const client = await engine.connect()
    clients.push(client)
    return client
  }
  const connectAs = async (name: string): Promise<RespClient> => {
    const client = await connect()
    assert.equal(await client.call('AUTH', passwordOf(name)), ok)
    return client
  }

  beforeEach(async () => {
    engine = await startEngine([
      tenant('cache'),
      tenant('queue'),
      tenant('own', { passwordHashes: [sha256('chosen by a person'), sha256('the one before')] }),
    ])
  })

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    await engine.close()
    assert.deepEqual(engine.failures, [])
  })

  for (const [title, words] of [
    ['the generated password alone', ['AUTH', passwordOf('cache')]],
    ['the default user and the generated password', ['AUTH', 'default', passwordOf('cache')]],
    ['its user name and the generated password', ['AUTH', 'cache.team', passwordOf('cache')]],
    ['its user name and a password of its own', ['AUTH', 'own.team', 'chosen by a person']],
    ['the password before the rotation', ['AUTH', 'own.team', 'the one before']],
  ] as const) {
    it(`lets a tenant in with ${title}`, async () => {
      const client = await connect()
      assert.equal(await client.call(...words), ok)
      assert.equal(await client.call('PING'), '+PONG\r\n')
    })
  }

  it('lets a tenant in by HELLO as stock clients send it', async () => {
    const client = await connect()
    const greeting = await client.call('HELLO', '3', 'AUTH', 'default', passwordOf('cache'))
    assert.match(greeting, /^%7\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n/)
    assert.equal(await client.call('GET', 'nope'), '_\r\n')
  })

  for (const [title, words] of [
    ['a wrong password', ['AUTH', 'cache.team', 'wrong']],
    ['a wrong password with the right prefix', ['AUTH', 'tcache_wrong']],
    ["another tenant's password", ['AUTH', 'cache.team', passwordOf('queue')]],
    ['an unknown tenant', ['AUTH', 'nobody.team', passwordOf('cache')]],
    ['an unknown prefix', ['AUTH', 'nobody_password']],
    ['a password of its own without the user name', ['AUTH', 'chosen by a person']],
    ['an empty password', ['AUTH', '']],
    ['the hash itself', ['AUTH', 'cache.team', sha256(passwordOf('cache'))]],
    ['thirty-two null bytes', ['AUTH', 'nobody.team', '\0'.repeat(32)]],
  ] as const) {
    it(`refuses ${title} with one and the same error`, async () => {
      const client = await connect()
      assert.equal(await client.call(...words), WRONG_PASS)
      assert.match(await client.call('GET', 'a'), /^-NOAUTH /)
    })
  }

  it('keeps keys, statistics and clients of tenants apart', async () => {
    const [cache, queue] = [await connectAs('cache'), await connectAs('queue')]
    await cache.call('CLIENT', 'SETNAME', 'secret-name')
    await cache.call('SET', 'same', 'of cache')
    assert.equal(await queue.call('GET', 'same'), '$-1\r\n')
    assert.equal(await queue.call('DBSIZE'), ':0\r\n')
    const list = await queue.call('CLIENT', 'LIST')
    assert.equal(list.match(/id=/g)?.length, 1)
    assert.doesNotMatch(list, /secret-name/)
    const info = await queue.call('INFO')
    assert.match(info, /connected_clients:1\r\n/)
    assert.match(info, /keyspace_misses:1\r\n/)
    assert.match(info, /used_memory:0\r\n/)
    assert.doesNotMatch(info, /db0/)
    assert.match(await cache.call('INFO', 'keyspace'), /db0:keys=1,expires=0,avg_ttl=0/)
    await queue.call('FLUSHALL')
    assert.equal(await cache.call('GET', 'same'), '$8\r\nof cache\r\n')
  })

  it("cannot kill another tenant's clients", async () => {
    const [cache, queue] = [await connectAs('cache'), await connectAs('queue')]
    const id = (await cache.call('CLIENT', 'ID')).slice(1, -2)
    assert.equal(await queue.call('CLIENT', 'KILL', 'ID', id), ':0\r\n')
    const sibling = await connectAs('cache')
    assert.equal(await sibling.call('CLIENT', 'KILL', 'ID', id), ':1\r\n')
    assert.equal(await cache.untilEnd(), '')
    assert.equal(await queue.call('PING'), '+PONG\r\n')
  })

  it('takes a connection from one tenant to another, with nothing left of the first', async () => {
    const client = await connectAs('cache')
    await client.call('SELECT', '5')
    await client.call('SET', 'a', '1')
    assert.equal(await client.call('AUTH', passwordOf('queue')), ok)
    assert.match(await client.call('CLIENT', 'INFO'), / db=0 /)
    assert.equal(await client.call('GET', 'a'), '$-1\r\n')
    assert.equal(engine.server.usage()[0]?.connections, 0)
  })

  it('refuses writes beyond the memory limit while reads go on', async () => {
    engine.server.assign(tenant('cache', { memoryLimitBytes: 100_000 }))
    const [cache, queue] = [await connectAs('cache'), await connectAs('queue')]
    const value = 'v'.repeat(1000)
    let reply = ok
    let stored = 0
    for (; reply === ok && stored < 1000; stored++)
      reply = await cache.call('SET', `k${stored}`, value)
    assert.equal(reply, OUT_OF_MEMORY)
    assert.ok(stored > 50, `only ${stored} values`)
    assert.ok((engine.server.usage()[0]?.memoryBytes ?? 0) <= 100_000 + 1000)
    assert.equal(await cache.call('GET', 'k0'), `$1000\r\n${value}\r\n`)
    assert.equal(await cache.call('DEL', 'k0', 'k1', 'k2'), ':3\r\n')
    assert.equal(await cache.call('SET', 'k0', 'small'), ok)
    assert.equal(await queue.call('SET', 'k', value), ok)
  })

  it('refuses one large value beyond the limit without storing it', async () => {
    engine.server.assign(tenant('cache', { memoryLimitBytes: 100_000 }))
    const client = await connectAs('cache')
    assert.equal(await client.call('SET', 'k', 'v'.repeat(200_000)), OUT_OF_MEMORY)
    assert.equal(await client.call('EXISTS', 'k'), ':0\r\n')
  })

  it('refuses zeros beyond the limit that no argument carries', async () => {
    engine.server.assign(tenant('cache', { memoryLimitBytes: 100_000 }))
    const client = await connectAs('cache')
    assert.equal(await client.call('SETRANGE', 'k', '200000', 'x'), OUT_OF_MEMORY)
    assert.equal(await client.call('EXISTS', 'k'), ':0\r\n')
    assert.equal(await client.call('SETRANGE', 'k', '50000', 'x'), ':50001\r\n')
  })

  it('applies changed limits at once, to open connections too', async () => {
    const client = await connectAs('cache')
    assert.equal(await client.call('SET', 'k', 'v'.repeat(10_000)), ok)
    engine.server.assign(tenant('cache', { memoryLimitBytes: 5000 }))
    assert.equal(await client.call('SET', 'k2', 'v'), OUT_OF_MEMORY)
    engine.server.assign(tenant('cache', { memoryLimitBytes: 50_000 }))
    assert.equal(await client.call('SET', 'k2', 'v'), ok)
    assert.match(await client.call('CONFIG', 'GET', 'maxmemory'), /50000/)
  })

  it('refuses connections beyond the limit of that tenant only', async () => {
    engine.server.assign(tenant('cache', { connectionsMax: 2 }))
    const [first] = [await connectAs('cache'), await connectAs('cache')]
    const third = await connect()
    assert.equal(await third.call('AUTH', passwordOf('cache')), NO_ROOM)
    assert.equal(await third.untilEnd(), '')
    await connectAs('queue')
    first.close()
    engine.server.assign(tenant('cache', { connectionsMax: 3 }))
    await connectAs('cache')
  })

  it('changes passwords without dropping connections', async () => {
    const client = await connectAs('cache')
    engine.server.assign(tenant('cache', { passwordHashes: [sha256('tcache_new')] }))
    assert.equal(await client.call('PING'), '+PONG\r\n')
    assert.equal(await client.call('AUTH', passwordOf('cache')), WRONG_PASS)
    assert.equal(await client.call('AUTH', 'tcache_new'), ok)
  })

  it('refuses an assignment of a lower epoch', () => {
    engine.server.assign(tenant('cache', { epoch: 5 }))
    assert.throws(() => engine.server.assign(tenant('cache', { epoch: 4 })), {
      name: 'StaleEpochError',
    })
  })

  it('closes the connections of a tenant that goes, and forgets its data', async () => {
    const [cache, queue] = [await connectAs('cache'), await connectAs('queue')]
    await cache.call('SET', 'a', '1')
    assert.equal(engine.server.unassign('uid-cache'), true)
    assert.equal(engine.server.unassign('uid-cache'), false)
    assert.equal(await cache.untilEnd(), '')
    assert.equal(await queue.call('PING'), '+PONG\r\n')
    const late = await connect()
    assert.equal(await late.call('AUTH', passwordOf('cache')), WRONG_PASS)
    engine.server.assign(tenant('cache'))
    const again = await connectAs('cache')
    assert.equal(await again.call('GET', 'a'), '$-1\r\n')
  })

  it('lets another tenant run while one sends an endless pipeline', async () => {
    const [cache, queue] = [await connectAs('cache'), await connectAs('queue')]
    const burst = encodeRequest(['INCR', 'n']).repeat(50_000)
    cache.write(burst)
    assert.equal(await queue.call('PING'), '+PONG\r\n')
    const replies = await cache.replies(50_000)
    assert.equal(replies.at(-1), ':50000\r\n')
  })

  it('reports usage that is true', async () => {
    const client = await connectAs('cache')
    await client.call('SET', 'a', '1')
    const [usage] = engine.server.usage()
    assert.deepEqual(
      { ...usage, memoryBytes: 0 },
      { tenantUid: 'uid-cache', shard: 0, memoryBytes: 0, keys: 1, connections: 1 },
    )
    assert.ok((usage?.memoryBytes ?? 0) > 0)
  })
})
