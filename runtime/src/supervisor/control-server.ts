/**
 * The door of the control API: TLS 1.3, certificates on both sides, and one name that may enter.
 *
 * A bad frame, silence or slowness closes the one connection; a stranger never gets as far as a
 * frame. Certificates are replaced without touching open connections.
 */
import { constants } from 'node:crypto'
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { encodeFrame, type MemberMessage, type OperatorMessage, uriNames } from '@miniredis/crds'
import type { Logger } from '../telemetry/logger.ts'
import { ControlConnection } from './control-connection.ts'
import {
  CONTROL_CONNECTIONS_MAX,
  CONTROL_HANDSHAKE_MS_MAX,
  CONTROL_HANDSHAKES_MAX,
} from './limits.ts'
import type { TlsMaterial } from './tls-files.ts'

export interface ControlServerOptions {
  readonly host: string
  readonly port: number
  readonly tls: TlsMaterial
  /** The URI name that a client certificate must carry. */
  readonly clientIdentity: string
  /** What a new connection is told first; the first of them is hello. */
  readonly greetings: () => readonly MemberMessage[]
  /** Never rejects; may answer through `connection`, at once or later. */
  readonly handle: (message: OperatorMessage, connection: ControlConnection) => Promise<void>
  readonly logger: Logger
  /** Default: CONTROL_SILENCE_MS_MAX. */
  readonly silenceMs?: number
}

export class ControlServer {
  readonly #options: ControlServerOptions
  readonly #server: Server
  /** Oldest first. */
  readonly #connections = new Set<ControlConnection>()
  /** Strangers by address and port, oldest first. */
  readonly #handshakes = new Map<string, Socket>()
  #rejected = 0
  #refusalLoggedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: ControlServerOptions) {
    this.#options = options
    this.#server = createServer({
      ...contextOptions(options.tls),
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: CONTROL_HANDSHAKE_MS_MAX,
    })
    this.#server.on('connection', (socket) => this.#awaitHandshake(socket))
    this.#server.on('secureConnection', (socket) => this.#admit(socket))
    this.#server.on('tlsClientError', (error, socket) => {
      this.#refuse(socket, error.message)
      socket.destroy()
    })
  }

  /** Resolves with the port; rejects when the address is taken. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off('error', reject)
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Peers that were not who they had to be, and handshakes that failed. */
  get rejectedCount(): number {
    return this.#rejected
  }

  /** New connections get the new certificates; open ones stay. */
  renew(tls: TlsMaterial): void {
    this.#server.setSecureContext(contextOptions(tls))
  }

  broadcast(message: MemberMessage): void {
    if (this.#connections.size === 0) return
    const frame = encodeFrame(message)
    for (const connection of this.#connections) connection.sendFrame(frame)
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#handshakes.values()) socket.destroy()
    for (const connection of this.#connections) connection.end()
    const killer = setTimeout(() => this.#destroyAll(), CLOSE_MS_MAX)
    await closed
    clearTimeout(killer)
  }

  #destroyAll(): void {
    for (const connection of this.#connections) connection.close('the member stops')
  }

  /** The oldest stranger makes room, so that a crowd of them cannot keep the operator out. */
  #awaitHandshake(socket: Socket): void {
    const key = peerOf(socket)
    this.#handshakes.set(key, socket)
    socket.once('close', () => this.#handshakes.delete(key))
    const [oldest] = this.#handshakes.values()
    if (this.#handshakes.size > CONTROL_HANDSHAKES_MAX) oldest?.destroy()
  }

  #admit(socket: TLSSocket): void {
    this.#handshakes.delete(peerOf(socket))
    socket.on('error', () => undefined)
    const names = uriNames(socket.getPeerX509Certificate()?.subjectAltName)
    if (!names.includes(this.#options.clientIdentity)) {
      this.#refuse(socket, 'the certificate has another name')
      socket.destroy()
      return
    }
    const [oldest] = this.#connections
    if (this.#connections.size >= CONTROL_CONNECTIONS_MAX) oldest?.close('too many connections')
    this.#welcome(socket)
  }

  #welcome(socket: TLSSocket): void {
    const peer = socket.remoteAddress
    const { logger, handle, greetings, silenceMs } = this.#options
    const connection: ControlConnection = new ControlConnection(
      socket,
      {
        message: (message) => handle(message, connection),
        closed: (reason) => {
          this.#connections.delete(connection)
          logger.info({ peer, reason }, 'control connection closed')
        },
      },
      silenceMs,
    )
    this.#connections.add(connection)
    logger.info({ peer }, 'control connection opened')
    for (const message of greetings()) connection.send(message)
  }

  #refuse(socket: TLSSocket, reason: string): void {
    this.#rejected++
    // Strangers decide how often this happens: they must not be able to fill the log.
    const nowMs = performance.now()
    if (nowMs - this.#refusalLoggedAtMs < REFUSAL_LOG_INTERVAL_MS) return
    this.#refusalLoggedAtMs = nowMs
    const rejected = this.#rejected
    const peer = socket.remoteAddress
    this.#options.logger.warn({ peer, reason, rejected }, 'control peer refused')
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`

const REFUSAL_LOG_INTERVAL_MS = 1_000

/** How long a closing server waits for its peers to take the last frames. */
const CLOSE_MS_MAX = 500

const contextOptions = (tls: TlsMaterial) => ({
  ...tls,
  minVersion: 'TLSv1.3' as const,
  // Every connection shows its certificate: none is resumed from an older one's word.
  secureOptions: constants.SSL_OP_NO_TICKET,
})
