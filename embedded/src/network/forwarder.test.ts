import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Forwarder } from './forwarder.ts'

const host = '127.0.0.1'

describe('forwarder', () => {
  const servers: Server[] = []
  let forwarder: Forwarder
  const clients: Socket[] = []

  beforeEach(async () => {
    forwarder = await Forwarder.listen({ host, port: 0, connectionsMax: 3 })
  })
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy()
    forwarder.close()
    for (const server of servers.splice(0)) server.close()
  })

  const endpoint = async (serve: (socket: Socket) => void) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined)
      serve(socket)
    })
    servers.push(server)
    server.listen(0, host)
    await once(server, 'listening')
    return { host, port: (server.address() as AddressInfo).port }
  }
  const dial = (options: { allowHalfOpen?: boolean } = {}) => {
    const client = connect({ host, port: forwarder.port, ...options })
    clients.push(client)
    return client
  }
  const textOf = async (socket: Socket) => {
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    return text
  }
  const greet = (word: string) => endpoint((socket) => socket.end(word))

  it('takes turns between endpoints', async () => {
    forwarder.setEndpoints([await greet('a'), await greet('b')])
    const words = []
    for (let n = 0; n < 4; n += 1) words.push(await textOf(dial()))
    assert.deepEqual(words, ['a', 'b', 'a', 'b'])
  })

  it('keeps half-closed connections: the answer comes after the end of the question', async () => {
    const ask = async (socket: Socket) => socket.end(`heard ${await textOf(socket)}`)
    forwarder.setEndpoints([await endpoint((socket) => void ask(socket))])
    const client = dial({ allowHalfOpen: true })
    client.end('hello')
    assert.equal(await textOf(client), 'heard hello')
  })

  it('passes everything on, with a slow reader at the end', async () => {
    const bytes = 8 * 1024 * 1024
    forwarder.setEndpoints([await endpoint((socket) => socket.end(Buffer.alloc(bytes)))])
    const client = dial()
    let read = 0
    for await (const chunk of client) {
      read += (chunk as Buffer).length
      await new Promise(setImmediate)
    }
    assert.equal(read, bytes)
  })

  it('passes a reset on, both ways', async () => {
    forwarder.setEndpoints([await endpoint((socket) => socket.resetAndDestroy())])
    const [error] = (await once(dial(), 'error')) as [NodeJS.ErrnoException]
    assert.equal(error.code, 'ECONNRESET')
    const accepted = Promise.withResolvers<Socket>()
    forwarder.setEndpoints([await endpoint(accepted.resolve)])
    const client = dial()
    const upstream = await accepted.promise
    client.resetAndDestroy()
    const [upstreamError] = (await once(upstream, 'error')) as [NodeJS.ErrnoException]
    assert.equal(upstreamError.code, 'ECONNRESET')
  })

  it('resets clients while no endpoint is ready, or the endpoint refuses', async () => {
    const codes = []
    for (const endpoints of [[], [{ host, port: 1 }]]) {
      forwarder.setEndpoints(endpoints)
      const [error] = (await once(dial(), 'error')) as [NodeJS.ErrnoException]
      codes.push(error.code)
    }
    assert.deepEqual(codes, ['ECONNRESET', 'ECONNRESET'])
  })

  it('leaves open connections where they are when endpoints change', async () => {
    const echo = (name: string) =>
      endpoint((socket) => socket.on('data', (data) => socket.write(`${name}:${data}`)))
    forwarder.setEndpoints([await echo('old')])
    const client = dial()
    client.write('1')
    assert.equal(String((await once(client, 'data'))[0]), 'old:1')
    forwarder.setEndpoints([await echo('new')])
    client.write('2')
    assert.equal(String((await once(client, 'data'))[0]), 'old:2')
    const second = dial()
    second.write('3')
    assert.equal(String((await once(second, 'data'))[0]), 'new:3')
  })

  it('closes clients beyond its limit, and serves the others', async () => {
    forwarder.setEndpoints([await endpoint((socket) => socket.pipe(socket))])
    const open = [dial(), dial(), dial()]
    for (const client of open) {
      client.write('x')
      await once(client, 'data')
    }
    const refused = dial()
    refused.on('error', () => undefined).resume()
    await once(refused, 'close')
    open[0]?.write('y')
    assert.equal(String((await once(open[0] as Socket, 'data'))[0]), 'y')
    assert.equal(forwarder.connectionCount, 3)
  })

  it('says that a port is taken', async () => {
    await assert.rejects(Forwarder.listen({ host, port: forwarder.port }), { code: 'EADDRINUSE' })
  })
})
