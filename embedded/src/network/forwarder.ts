/**
 * One listening address of a Service. Each accepted connection goes to the next ready endpoint and
 * stays there; changed endpoints are for new connections. Both directions have back-pressure; an
 * end of one direction is passed on as an end, a reset as a reset. Without a ready endpoint, and
 * when the endpoint refuses, the client is reset, which is what it would see of a refused port.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Endpoint } from './endpoints.ts'

/** Per listening address; further clients are closed at once. */
export const FORWARDED_CONNECTIONS_MAX = 20_000
/** A loopback connection that takes longer than this has met a process that does not accept. */
export const CONNECT_TIMEOUT_MS = 5000

export interface ForwarderOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly connectionsMax?: number
}

export class Forwarder {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #endpoints: readonly Endpoint[] = []
  #next = 0

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (client) => this.#forward(client))
  }

  /** Rejects with the system's error, EADDRINUSE when the port is taken. */
  static async listen(options: ForwarderOptions): Promise<Forwarder> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
    server.maxConnections = options.connectionsMax ?? FORWARDED_CONNECTIONS_MAX
    const forwarder = new Forwarder(server)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: options.host, port: options.port, backlog: 511 }, resolve)
    })
    // An accept that fails (no file descriptor left) concerns that client only.
    server.on('error', () => undefined)
    return forwarder
  }

  get port(): number {
    const address = this.#server.address()
    return address !== null && typeof address === 'object' ? address.port : 0
  }

  get connectionCount(): number {
    return this.#sockets.size / 2
  }

  setEndpoints(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints
  }

  /** No new connections. Open ones go on, as they do on a cluster whose Service is deleted. */
  stopListening(): void {
    this.#server.close()
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  #forward(client: Socket): void {
    const endpoint = this.#endpoints[this.#next % this.#endpoints.length]
    this.#next = (this.#next + 1) % Number.MAX_SAFE_INTEGER
    if (endpoint === undefined) {
      client.on('error', () => undefined)
      client.resetAndDestroy()
      return
    }
    const upstream = connect({ ...endpoint, allowHalfOpen: true, noDelay: true })
    upstream.setTimeout(CONNECT_TIMEOUT_MS, () => upstream.destroy(new Error('connect timed out')))
    upstream.once('connect', () => upstream.setTimeout(0))
    this.#join(client, upstream)
    this.#join(upstream, client)
    client.resume()
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.pipe(to)
    from.on('error', () => to.resetAndDestroy())
    from.on('close', () => {
      this.#sockets.delete(from)
      // A side that is gone for good takes nothing any more; what was piped before still arrives.
      if (!to.writableEnded) to.end()
      from.unpipe(to)
      to.resume()
    })
  }
}
