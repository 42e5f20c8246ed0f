/** A raw client for tests: sends bytes as told, and hands back each reply as the bytes it came in. */
import { once } from 'node:events'
import net from 'node:net'

const AGGREGATES = new Map([
  ['*', 1],
  ['~', 1],
  ['>', 1],
  ['%', 2],
])

/** The end of the reply that begins at `start`, or -1 when it is not complete. */
export function endOfReply(bytes: Buffer, start: number): number {
  const lineEnd = bytes.indexOf('\r\n', start, 'latin1')
  if (lineEnd < 0) return -1
  const type = String.fromCharCode(bytes[start] ?? 0)
  const length = Number(bytes.toString('latin1', start + 1, lineEnd))
  const afterLine = lineEnd + 2
  if (type === '$' || type === '=') {
    const end = length < 0 ? afterLine : afterLine + length + 2
    return end <= bytes.length ? end : -1
  }
  let end = afterLine
  for (let part = 0; part < length * (AGGREGATES.get(type) ?? 0) && end >= 0; part++) {
    end = endOfReply(bytes, end)
  }
  return end
}

/** The request as clients send it. Words are one character per byte. */
export function encodeRequest(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}

export class RespClient {
  readonly socket: net.Socket
  #received = Buffer.alloc(0)
  #isEnded = false
  #wake: () => void = () => {}

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    socket.on('error', () => {})
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#isEnded = true
        this.#wake()
      })
    }
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<RespClient> {
    const socket = net.connect(port, host)
    await once(socket, 'connect')
    return new RespClient(socket)
  }

  write(wire: string | Buffer): void {
    this.socket.write(typeof wire === 'string' ? Buffer.from(wire, 'latin1') : wire)
  }

  /** Writes byte by byte, each in a packet of its own as far as the kernel goes along. */
  async writeSlowly(wire: string): Promise<void> {
    for (const byte of Buffer.from(wire, 'latin1')) {
      this.socket.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** One request, one reply as text of one character per byte. */
  async call(...words: readonly string[]): Promise<string> {
    this.write(encodeRequest(words))
    return this.reply()
  }

  /** The next reply; rejects when the connection ends before it is complete. */
  async reply(): Promise<string> {
    for (;;) {
      const end = this.#received.length === 0 ? -1 : endOfReply(this.#received, 0)
      if (end > 0) {
        const reply = this.#received.toString('latin1', 0, end)
        this.#received = this.#received.subarray(end)
        return reply
      }
      if (this.#isEnded)
        throw new Error(`the connection ended after ${this.#received.length} bytes`)
      await this.#more()
    }
  }

  async replies(count: number): Promise<string[]> {
    const replies: string[] = []
    while (replies.length < count) replies.push(await this.reply())
    return replies
  }

  /** Resolves with everything that came before the peer closed. */
  async untilEnd(): Promise<string> {
    while (!this.#isEnded) await this.#more()
    return this.#received.toString('latin1')
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    await promise
  }

  close(): void {
    this.socket.destroy()
  }
}
