/**
 * A way between network namespaces. A unix socket is a file, so it can be reached from any of them:
 * the agent listens on it outside the node, reads one line `<address> <port>\n` from each connection
 * and joins the rest to a TCP connection to that address. A unix socket knows no reset: one that
 * happens beyond it, a refused connection included, arrives as an ordinary end.
 *
 *   test process ──127.0.0.1:port──► forward() ──unix socket──► serveTunnel() ──► 10.81.0.1:6379
 */
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

const REQUEST_BYTES_MAX = 256

/** A port of 127.0.0.1 that leads to an address of the cluster. */
export interface Forward {
  readonly host: '127.0.0.1'
  readonly port: number
  /** Stops listening and resets what is connected. */
  close(): Promise<void>
}

/** Listens on the unix socket; only this user may connect. */
export async function serveTunnel(path: string): Promise<Server> {
  await rm(path, { force: true })
  const server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
  server.listen(path)
  await once(server, 'listening')
  chmodSync(path, 0o600)
  return server
}

/** Opens a port of 127.0.0.1 (0: any) that leads to the address through the tunnel. */
export async function forward(
  tunnelPath: string,
  target: { readonly host: string; readonly port: number },
  localPort = 0,
): Promise<Forward> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    sockets.add(client.on('close', () => sockets.delete(client)))
    const tunnel = connect({ path: tunnelPath, allowHalfOpen: true })
    tunnel.write(`${target.host} ${target.port}\n`)
    join(client, tunnel)
  })
  server.listen(localPort, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.resetAndDestroy()
    await closed
  }
  return { host: '127.0.0.1', port, close }
}

function accept(client: Socket): void {
  let request = Buffer.alloc(0)
  client.on('error', () => client.destroy())
  client.on('data', function read(chunk: Buffer) {
    request = Buffer.concat([request, chunk])
    const end = request.indexOf('\n')
    if (end < 0 && request.length <= REQUEST_BYTES_MAX) return
    client.off('data', read)
    client.pause()
    if (end < 0) client.destroy()
    else open(client, request.toString('latin1', 0, end), request.subarray(end + 1))
  })
}

function open(client: Socket, request: string, rest: Buffer): void {
  const [host, port] = request.split(' ')
  const target = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true })
  if (rest.length > 0) target.write(rest)
  join(client, target)
}

/** Joins two connections: the end of one is the end of the other, a failure of one resets both. */
function join(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.pipe(to)
    from.on('error', () => reset(to))
    from.on('close', (hadError) => (hadError ? reset(to) : to.destroySoon()))
  }
}

function reset(socket: Socket): void {
  // a unix socket knows no reset
  if (socket.remoteFamily === undefined) socket.destroy()
  else socket.resetAndDestroy()
}
