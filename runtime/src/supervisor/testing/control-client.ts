/** The operator's end of a control connection, for tests: raw bytes out, messages in. */
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import {
  type Assignment,
  encodeFrame,
  FrameDecoder,
  type MemberMessage,
  type OperatorMessage,
  parseMemberMessage,
  type Refusal,
} from '@miniredis/crds'
import type { Issued } from './certificates.ts'

type Of<K extends MemberMessage['kind']> = MemberMessage & { kind: K }

export class ControlClient {
  readonly socket: TLSSocket
  readonly messages: MemberMessage[] = []
  /** Why the connection ended; resolves, never rejects. */
  readonly closed: Promise<string>
  readonly #decoder = new FrameDecoder()
  readonly #waiting = new Set<() => void>()
  #requestId = 0

  constructor(host: string, port: number, issued?: Issued, options: ConnectionOptions = {}) {
    this.socket = connect({
      host,
      port,
      ...issued,
      checkServerIdentity: () => undefined,
      ...options,
    })
    let reason = 'closed'
    this.socket.on('error', (error) => {
      reason = error.message
    })
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => resolve(reason))
    })
    this.socket.on('data', (chunk: Buffer) => {
      for (const body of this.#decoder.push(chunk)) this.messages.push(parseMemberMessage(body))
      for (const wake of this.#waiting) wake()
    })
  }

  send(message: OperatorMessage): void {
    this.socket.write(encodeFrame(message))
  }

  /** The first message of that kind, arrived or to arrive, that fits. Each is handed out once. */
  async next<K extends MemberMessage['kind']>(
    kind: K,
    fits: (message: Of<K>) => boolean = () => true,
  ): Promise<Of<K>> {
    for (;;) {
      const index = this.messages.findIndex(
        (message) => message.kind === kind && fits(message as Of<K>),
      )
      if (index !== -1) return this.messages.splice(index, 1)[0] as Of<K>
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }

  async assign(assignment: Assignment): Promise<Refusal | null> {
    const requestId = ++this.#requestId
    this.send({ kind: 'assign', requestId, assignment })
    return (await this.next('result', (result) => result.requestId === requestId)).refusal
  }

  async unassign(tenantUid: string, epoch: number): Promise<Refusal | null> {
    const requestId = ++this.#requestId
    this.send({ kind: 'unassign', requestId, tenantUid, shard: 0, epoch })
    return (await this.next('result', (result) => result.requestId === requestId)).refusal
  }

  async beat(sequence = 1): Promise<Of<'beatAnswer'>> {
    this.send({ kind: 'beat', sequence })
    return this.next('beatAnswer', (answer) => answer.sequence === sequence)
  }

  /** Beats until the engine is in that phase. */
  async until(phase: Of<'beatAnswer'>['engine']['phase']): Promise<Of<'beatAnswer'>['engine']> {
    for (let sequence = 1000; ; sequence++) {
      const { engine } = await this.beat(sequence)
      if (engine.phase === phase) return engine
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async close(): Promise<void> {
    this.socket.destroy()
    await this.closed
  }
}
