/** Bad peers over real sockets: each hurts its own connection only, and memory stays bounded. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { REFUSALS_MAX } from '../src/server/limits.ts'
import { passwordOf, startEngine, type TestEngine, tenant } from './engine.ts'
import { encodeRequest, type RespClient } from './resp-client.ts'

const MEBIBYTE = 1024 * 1024

describe('hostile input', () => {
  let engine: TestEngine
  let bystander: RespClient
  const clients: RespClient[] = []

  const start = async (limits = {}): Promise<void> => {
    engine = await startEngine(
      [tenant('cache'), tenant('rude', { memoryLimitBytes: 8 * MEBIBYTE })],
      { limits },
    )
    bystander = await engine.connectAs('cache')
  }
  const connect = async (): Promise<RespClient> => {
    const client = await engine.connect()
    clients.push(client)
    return client
  }
  const connectAs = async (name: string): Promise<RespClient> => {
    const client = await engine.connectAs(name)
    clients.push(client)
    return client
  }

  afterEach(async () => {
    assert.equal(await bystander.call('PING'), '+PONG\r\n')
    bystander.close()
    for (const client of clients.splice(0)) client.close()
    await engine.close()
    assert.deepEqual(engine.failures, [])
  })

  for (const [title, wire, error] of [
    ['random bytes', `${'\xde\xad\xbe\xef'.repeat(50)}\r\n`, 'unknown command'],
    [
      'another protocol',
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      "wrong number of arguments for 'get'",
    ],
    ['a null byte in a length', '*\0\r\n', 'Protocol error: invalid multibulk length'],
    [
      'an oversized length',
      '*2\r\n$4\r\nECHO\r\n$999999999999\r\n',
      'Protocol error: invalid bulk length',
    ],
    [
      'a count of arguments in the billions',
      '*2147483647\r\n',
      'Protocol error: invalid multibulk length',
    ],
  ] as const) {
    it(`answers ${title} with a clear error`, async () => {
      await start()
      const client = await connectAs('rude')
      client.write(wire)
      const reply = await client.reply()
      assert.ok(reply.startsWith('-ERR') && reply.includes(error), reply)
    })
  }

  it('closes only the connection with the protocol error, after its error', async () => {
    await start()
    const [good, bad] = [await connectAs('rude'), await connectAs('rude')]
    bad.write(
      `${encodeRequest(['SET', 'a', '1'])}*x\r\n${encodeRequest(['SET', 'a', '2']).repeat(2000)}`,
    )
    assert.equal(await bad.untilEnd(), '+OK\r\n-ERR Protocol error: invalid multibulk length\r\n')
    assert.equal(await good.call('GET', 'a'), '$1\r\n1\r\n')
  })

  it('drops half a command with its connection', async () => {
    await start()
    const client = await connectAs('rude')
    client.write('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nhel')
    client.socket.end()
    assert.equal(await client.untilEnd(), '')
    const other = await connectAs('rude')
    assert.equal(await other.call('EXISTS', 'a'), ':0\r\n')
  })

  it('does not let a claimed length cost memory', async () => {
    await start()
    const before = process.memoryUsage().rss
    for (let at = 0; at < 50; at++) {
      const client = await connectAs('rude')
      client.write('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\nhello')
    }
    await bystander.call('PING')
    assert.ok(process.memoryUsage().rss - before < 100 * MEBIBYTE)
  })

  it('bounds what all connections of a tenant buffer', async () => {
    await start({ tenantBufferBytesMin: MEBIBYTE })
    const client = await connectAs('rude')
    client.write('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\n')
    const chunk = Buffer.alloc(MEBIBYTE)
    let sent = 0
    while (!client.socket.destroyed && sent < 64) {
      sent++
      if (!client.socket.write(chunk)) {
        await Promise.race([once(client.socket, 'drain'), once(client.socket, 'close')])
      }
    }
    assert.match(
      await client.untilEnd(),
      /^(-ERR Protocol error: query buffer limit exceeded\r\n)?$/,
    )
    assert.ok(sent < 64)
  })

  it('answers AUTH before an unfinished command with little room', async () => {
    await start({ newcomerQueryBytesMax: 4096 })
    const client = await connect()
    client.write(`*2\r\n$4\r\nAUTH\r\n$16000\r\n${'x'.repeat(8000)}`)
    assert.equal(await client.untilEnd(), '-ERR Protocol error: query buffer limit exceeded\r\n')
  })

  it('closes those that take too long to authenticate, and slow senders', async () => {
    await start({ authenticationMs: 1, newcomerRequestMs: 1 })
    const [idle, slow] = [await connect(), await connect()]
    slow.write('*2\r\n$4\r\nAU')
    assert.equal(await idle.untilEnd(), '-ERR authentication took too long\r\n')
    assert.equal(await slow.untilEnd(), '-ERR authentication took too long\r\n')
  })

  it('survives a thousand idle unauthenticated connections', async () => {
    await start({ newcomersMax: 100 })
    const idle = await Promise.all(Array.from({ length: 1000 }, () => connect()))
    const late = await connectAs('rude')
    assert.equal(await late.call('PING'), '+PONG\r\n')
    const { promise, resolve } = Promise.withResolvers<void>()
    const refused = new Map<RespClient, string>()
    for (const client of idle) {
      void client.untilEnd().then((error) => {
        if (refused.set(client, error).size === 900) resolve()
      })
    }
    await promise
    assert.deepEqual(
      [...new Set(refused.values())],
      ['-ERR too many connections without authentication, the oldest is closed\r\n'],
    )
    const kept = idle.find((client) => !refused.has(client))
    assert.equal(await kept?.call('AUTH', passwordOf('rude')), '+OK\r\n')
  })

  it('refuses one connection more than the process may have', async () => {
    await start({ connectionsMax: 3 })
    await connectAs('rude')
    const [third, fourth] = [await connect(), await connect()]
    assert.equal(await fourth.untilEnd(), '-ERR max number of clients reached\r\n')
    assert.equal(await third.call('AUTH', passwordOf('rude')), '+OK\r\n')
  })

  it('survives those that reset when they are refused', async () => {
    await start({ connectionsMax: 1 })
    for (let round = 0; round < 50; round++) {
      const socket = net.connect(engine.port, '127.0.0.1')
      await once(socket, 'connect')
      socket.write('x'.repeat(100))
      socket.resetAndDestroy()
      assert.equal(await bystander.call('PING'), '+PONG\r\n')
    }
  })

  it('lets only so many linger that were refused and do not go', async () => {
    await start({ connectionsMax: 1 })
    const sockets: net.Socket[] = []
    for (let count = 0; count <= REFUSALS_MAX; count++) {
      const socket = net.connect({ port: engine.port, host: '127.0.0.1', allowHalfOpen: true })
      sockets.push(socket.on('error', () => {}))
      await once(socket, 'connect')
    }
    const words = await Promise.all(sockets.map(async (socket) => String(await firstData(socket))))
    assert.match(words[0], /max number of clients/)
    assert.equal(words.filter((word) => word === '').length, 1)
    for (const socket of sockets) socket.destroy()
  })

  it('stops reading from a peer that does not read, and goes on when it does', async () => {
    await start()
    const client = await connectAs('rude')
    const value = 'v'.repeat(10_000)
    assert.equal(await client.call('SET', 'a', value), '+OK\r\n')
    client.socket.pause()
    const before = process.memoryUsage().rss
    client.write(encodeRequest(['GET', 'a']).repeat(20_000))
    for (let round = 0; round < 20; round++) await bystander.call('PING')
    assert.ok(process.memoryUsage().rss - before < 64 * MEBIBYTE)
    client.socket.resume()
    const replies = await countBytes(client.socket, 20_000 * (value.length + 10))
    assert.equal(replies, 20_000 * (value.length + 10))
  })

  it('closes a peer whose one reply is beyond the limit', async () => {
    await start({ outputBytesMax: MEBIBYTE })
    const client = await connectAs('rude')
    assert.equal(await client.call('SET', 'a', 'v'.repeat(100_000)), '+OK\r\n')
    assert.match(await client.call('MGET', ...Array<string>(10).fill('a')), /^\*10/)
    client.write(encodeRequest(['MGET', ...Array<string>(11).fill('a')]))
    assert.equal(await client.untilEnd(), '')
  })

  it('lives on when peers reset in the middle of everything', async () => {
    await start()
    for (let round = 0; round < 50; round++) {
      const socket = net.connect(engine.port, '127.0.0.1')
      await once(socket, 'connect')
      socket.write(encodeRequest(['AUTH', passwordOf('rude')]))
      socket.write(encodeRequest(['SET', 'a', 'v'.repeat(1000 * round)]))
      socket.write(encodeRequest(['GET', 'a']).repeat(round))
      socket.resetAndDestroy()
    }
  })
})

/** What comes first; empty when the peer ends before it says anything. */
async function firstData(socket: net.Socket): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  socket.once('data', resolve)
  socket.once('end', () => resolve(Buffer.alloc(0)))
  socket.once('close', () => resolve(Buffer.alloc(0)))
  return promise
}

async function countBytes(socket: net.Socket, expected: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  let count = 0
  socket.removeAllListeners('data')
  socket.on('data', (chunk) => {
    count += chunk.length
    if (count >= expected) resolve(count)
  })
  return promise
}
