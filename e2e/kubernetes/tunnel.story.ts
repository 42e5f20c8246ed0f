/** The tunnel between namespaces, without namespaces: stories must not see it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Forward, forward, serveTunnel } from './agent/tunnel.ts'

describe('the tunnel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tunnel-'))
  const path = join(folder, 'socket')
  const closing: (() => unknown)[] = []
  let tunnel: Server

  before(async () => {
    tunnel = await serveTunnel(path)
  })

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  after(() => {
    tunnel.close()
    rmSync(folder, { recursive: true })
  })

  async function doorTo(serve: (socket: Socket) => void): Promise<Forward> {
    const server = createServer({ allowHalfOpen: true }, serve)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const door = await forward(path, { host: '127.0.0.1', port })
    closing.push(() => server.close(), door.close)
    return door
  }

  function dial({ host, port }: Forward): Socket {
    const socket = connect({ host, port, allowHalfOpen: true })
    closing.push(() => socket.destroy())
    return socket
  }

  it('carries a megabyte both ways', async () => {
    const socket = dial(await doorTo((peer) => peer.pipe(peer)))
    const sent = Buffer.alloc(2 ** 20, 'abc')
    socket.end(sent)
    assert.ok(Buffer.concat(await socket.toArray()).equals(sent))
  })

  it('carries the end of one direction while the other goes on', async () => {
    const door = await doorTo((peer) => {
      peer.on('data', () => {}).on('end', () => peer.end('heard you'))
    })
    const socket = dial(door)
    socket.end('that is all')
    assert.equal(String(await socket.toArray()), 'heard you')
  })

  it('ends the connection when the other end resets it', async () => {
    const door = await doorTo((peer) => peer.resetAndDestroy())
    await hasClosed(connect(door.port, door.host))
  })

  it('ends the connection when nobody listens at the other end', async () => {
    const door = await forward(path, { host: '127.0.0.1', port: 1 })
    closing.push(door.close)
    await hasClosed(connect(door.port, door.host))
  })

  it('resets what is connected when the door closes', async () => {
    const door = await doorTo((peer) => peer.pipe(peer))
    const socket = dial(door)
    socket.write('hello')
    await once(socket, 'data')
    await door.close()
    const [error] = await once(socket, 'error')
    assert.equal(error.code, 'ECONNRESET')
  })

  it('closes a connection whose request has no end', async () => {
    const socket = connect(path)
    socket.on('error', () => {})
    socket.write('x'.repeat(300))
    await once(socket, 'close')
  })
})

async function hasClosed(socket: Socket): Promise<void> {
  socket.on('error', () => {}).resume()
  await once(socket, 'close')
}
