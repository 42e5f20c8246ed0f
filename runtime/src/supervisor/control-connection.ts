/** One authenticated control connection: frames in and out, deadlines and bounds. */
import type { TLSSocket } from 'node:tls'
import {
  encodeFrame,
  FrameDecoder,
  FrameError,
  type MemberMessage,
  type OperatorMessage,
  parseOperatorMessage,
} from '@miniredis/crds'
import {
  CONTROL_OUTGOING_BYTES_MAX,
  CONTROL_REQUESTS_MAX,
  CONTROL_SILENCE_MS_MAX,
} from './limits.ts'

export interface ControlConnectionEvents {
  /** Settled when the message has been dealt with and answered. Never rejects. */
  message(message: OperatorMessage): Promise<void>
  /** The last event, with the reason. */
  closed(reason: string): void
}

export class ControlConnection {
  readonly #socket: TLSSocket
  readonly #events: ControlConnectionEvents
  readonly #decoder = new FrameDecoder()
  readonly #silence: NodeJS.Timeout
  #requests = 0
  #reason = 'the peer closed'

  constructor(socket: TLSSocket, events: ControlConnectionEvents, silenceMs?: number) {
    this.#socket = socket
    this.#events = events
    socket.setNoDelay(true)
    this.#silence = setTimeout(
      () => this.close('the peer was silent'),
      silenceMs ?? CONTROL_SILENCE_MS_MAX,
    )
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) => {
      this.#reason = error.message
    })
    socket.on('close', () => this.#closed())
  }

  send(message: MemberMessage): void {
    this.sendFrame(encodeFrame(message))
  }

  sendFrame(frame: Buffer): void {
    if (this.#socket.destroyed) return
    if (this.#socket.writableLength + frame.length > CONTROL_OUTGOING_BYTES_MAX) {
      this.close('the peer reads too slowly')
    } else this.#socket.write(frame)
  }

  close(reason: string): void {
    if (this.#socket.destroyed) return
    this.#reason = reason
    this.#socket.destroy()
  }

  /** Lets what was sent out, then closes. */
  end(): void {
    this.#reason = 'the member stops'
    this.#socket.end()
  }

  #receive(chunk: Buffer): void {
    try {
      for (const body of this.#decoder.push(chunk)) {
        if (this.#socket.destroyed) return
        this.#silence.refresh()
        this.#request(parseOperatorMessage(body))
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.close(`${error.code}: ${error.message}`)
    }
  }

  #request(message: OperatorMessage): void {
    this.#requests++
    // Whole chunks are worked off, so the limit may be passed by one chunk's frames.
    if (this.#requests >= CONTROL_REQUESTS_MAX) this.#socket.pause()
    void this.#events.message(message).then(() => this.#answered())
  }

  #answered(): void {
    this.#requests--
    this.#silence.refresh()
    if (this.#requests < CONTROL_REQUESTS_MAX && this.#socket.isPaused()) this.#socket.resume()
  }

  #closed(): void {
    clearTimeout(this.#silence)
    this.#events.closed(this.#reason)
  }
}
