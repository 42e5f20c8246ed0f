/**
 * One accepted TCP connection, below Node's streams. The only file that knows their insides.
 *
 * - Reading: `net.createServer` ignores `onread`, so a connection is accepted paused and its handle
 *   is wrapped again, with one read buffer for all connections. A stream would allocate per read.
 * - Writing: a request goes to the handle, which tries to write at once. A stream would keep a queue,
 *   callbacks and a tick per write, which costs a tenth of the CPU of a small command.
 */
import net from 'node:net'
import type { ReplyBuffer } from '../protocol/reply-buffer.ts'
import { OUTPUT_PAUSE_BYTES, PENDING_WRITES_MAX } from './limits.ts'

export interface TransportEvents {
  /** `count` bytes lie at the front of the shared read buffer, until this returns. */
  received(count: number): void
  /** The peer has taken everything that was sent. */
  drained(): void
  /** The peer sends no more. */
  ended(): void
  /** The connection is gone, for whatever reason. Once. */
  closed(): void
}

/** libuv's write request. */
interface WriteRequest {
  oncomplete: (status: number) => void
  /** Keeps the bytes alive while the request is under way. */
  buffer?: unknown
  /** Positive while libuv has the request, which then completes; else the write is done. */
  getAsyncId(): number
}

/** What is used of Node's TCP handle; every write returns 0 or a negative error number. */
interface Handle {
  readonly writeQueueSize: number
  readStart(): number
  readStop(): number
  writeLatin1String: (request: WriteRequest, text: string) => number
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number
  writev(request: WriteRequest, chunks: readonly Uint8Array[], areAllBuffers: true): number
}

interface AcceptedSocket {
  _handle: (Handle & object) | null
  _server?: unknown
}

type WriteRequestClass = new () => WriteRequest

export class Transport {
  readonly #socket: net.Socket
  readonly #handle: Handle
  readonly #events: TransportEvents
  /** A request that no write is using: one that went out at once may be used again. */
  #spare: WriteRequest | undefined
  #underWay = 0
  #isClosed = false

  /** `accepted` comes from a server with `pauseOnConnect`; it must not be used any more. */
  constructor(accepted: net.Socket, readBuffer: Buffer, events: TransportEvents) {
    const shell = accepted as unknown as AcceptedSocket
    const handle = shell._handle
    if (handle === null) throw new Error('the connection was closed before it was adopted')
    this.#handle = handle
    this.#events = events
    const onread = {
      buffer: readBuffer,
      callback: (count: number) => {
        events.received(count)
        return true
      },
    }
    const options: unknown = { handle, onread }
    this.#socket = new net.Socket(options as net.SocketConstructorOpts)
    // the server counts its connections by the socket that is destroyed
    const adopted = this.#socket as unknown as AcceptedSocket
    adopted._server = shell._server
    shell._server = undefined
    shell._handle = null
    this.#socket.on('error', () => {})
    this.#socket.on('end', () => events.ended())
    this.#socket.on('close', () => this.#finish())
    this.#socket.resume()
  }

  get address(): string {
    return endpoint(this.#socket.remoteAddress, this.#socket.remotePort)
  }

  get localAddress(): string {
    return endpoint(this.#socket.localAddress, this.#socket.localPort)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Bytes that the kernel has not taken yet. */
  get pendingBytes(): number {
    return this.#underWay === 0 ? 0 : this.#handle.writeQueueSize
  }

  /** Whether more must not be sent before `drained`: too many bytes wait, or too many writes. */
  get isCongested(): boolean {
    return this.#underWay >= PENDING_WRITES_MAX || this.pendingBytes > OUTPUT_PAUSE_BYTES
  }

  pause(): void {
    if (!this.#isClosed) this.#handle.readStop()
  }

  resume(): void {
    if (!this.#isClosed) this.#handle.readStart()
  }

  /** Sends and empties `output`. Bytes that the kernel does not take at once stay pending. */
  send(output: ReplyBuffer): void {
    if (this.#isClosed) {
      output.reset()
      return
    }
    const request = this.#spare ?? this.#createRequest()
    const isCopied = this.#underWay > 0 && output.chunks.length === 0
    const error = this.#write(request, output, isCopied)
    // an empty queue says nothing: what was queued may be gone already, and still completes later
    const isPending = error === 0 && request.getAsyncId() > 0
    this.#spare = isPending ? undefined : request
    if (isPending) {
      this.#underWay++
      if (!isCopied) output.replace()
    } else {
      request.buffer = undefined
    }
    output.reset()
    if (error !== 0) this.destroy()
  }

  /** What has to wait behind other bytes is copied: it must not keep a whole reply buffer. */
  #write(request: WriteRequest, output: ReplyBuffer, isCopied: boolean): number {
    if (output.chunks.length > 0) {
      const chunks = output.seal().slice()
      request.buffer = chunks
      return this.#handle.writev(request, chunks, true)
    }
    const view = output.view(output.length)
    const bytes = isCopied ? Buffer.from(view) : view
    request.buffer = bytes
    return this.#handle.writeBuffer(request, bytes)
  }

  #createRequest(): WriteRequest {
    const request = new (requestClassOf(this.#socket, this.#handle))()
    request.oncomplete = (status) => this.#completed(status)
    return request
  }

  #completed(status: number): void {
    this.#underWay--
    if (status < 0) this.destroy()
    else if (this.#underWay === 0 && !this.#isClosed) this.#events.drained()
  }

  /** No more replies: the peer sees the end after what is pending; it may still send. */
  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
    this.#finish()
  }

  #finish(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#events.closed()
  }
}

let requestClass: WriteRequestClass | undefined

/** Node keeps this class to itself, so it is taken from the request of one empty stream write. */
function requestClassOf(socket: net.Socket, handle: Handle): WriteRequestClass {
  if (requestClass !== undefined) return requestClass
  const write = handle.writeLatin1String
  handle.writeLatin1String = (request, text) => {
    requestClass = request.constructor as WriteRequestClass
    return write.call(handle, request, text)
  }
  socket.write('', 'latin1')
  Reflect.deleteProperty(handle, 'writeLatin1String')
  if (requestClass === undefined) throw new Error('this Node.js version writes in another way')
  return requestClass
}

const endpoint = (host = '', port = 0): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
