/**
 * One client: its bytes on their way in and out, and what commands may know of it.
 *
 *   received ─► shared read buffer ─► turn ─► replies ─► transport
 *                    │ what could not run yet               │ what the peer does not read
 *                    ▼                                      ▼
 *                 backlog (reading paused)            pending (reading paused)
 */
import type net from 'node:net'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { RequestDecoder } from '../protocol/request-decoder.ts'
import type { Durability } from '../tenancy/durability.ts'
import type { Session } from '../tenancy/session.ts'
import type { Tenant } from '../tenancy/tenant.ts'
import { DEFAULT_USER } from '../tenancy/tenant-registry.ts'
import { Backlog } from './backlog.ts'
import type { Executor, TurnOutcome } from './executor.ts'
import { HeldReplies } from './held-replies.ts'
import { type EngineLimits, OUTPUT_PAUSE_BYTES } from './limits.ts'
import { Transport, type TransportEvents } from './transport.ts'

/** What a connection asks of the server that owns it. */
export interface ConnectionHost {
  readonly executor: Executor
  readonly limits: EngineLimits
  readonly durability: Durability
  /** The connection has more to run: give it a turn when others have had theirs. */
  schedule(connection: Connection): void
  /** It joined or left a tenant. */
  moved(connection: Connection): void
  /** It has sent its last reply and waits for the peer to take it. */
  lingers(connection: Connection): void
  /** It waits for the log: call `logMoved` whenever that got on. */
  waits(connection: Connection): void
  gone(connection: Connection): void
}

export class Connection implements Session, TransportEvents {
  readonly id: number
  readonly connectedAtMs: number
  lastTurnAtMs: number
  lastCommand = 'NULL'
  name = ''
  libraryName = ''
  libraryVersion = ''
  databaseIndex = 0
  user = DEFAULT_USER
  tenant: Tenant | undefined
  isClosing = false
  /** A command waits for its answer. */
  isBlocked = false
  /** When the unfinished command began, undefined when there is none. */
  requestSinceMs: number | undefined
  readonly #host: ConnectionHost
  readonly #transport: Transport
  #protocol: 2 | 3 = 2
  #decoder: RequestDecoder | undefined
  #backlog: Backlog | undefined
  #held: HeldReplies | undefined
  #isEnding = false
  #isScheduled = false
  #isReading = true
  /** Bytes that the tenant's account of buffers holds for this connection. */
  #accountedBytes = 0
  #addresses: readonly [peer: string, local: string] | undefined

  constructor(host: ConnectionHost, accepted: net.Socket, id: number) {
    this.#host = host
    this.id = id
    this.connectedAtMs = host.executor.clock.nowMs()
    this.lastTurnAtMs = this.connectedAtMs
    this.#transport = new Transport(accepted, host.executor.readBuffer, this)
  }

  get address(): string {
    return this.#endpoints()[0]
  }

  get localAddress(): string {
    return this.#endpoints()[1]
  }

  get queryBytes(): number {
    return this.#backlog === undefined
      ? 0
      : this.#backlog.length - (this.#decoder?.commandStart ?? 0)
  }

  get outputBytes(): number {
    return this.#transport.pendingBytes + (this.#held?.bytes ?? 0)
  }

  get protocol(): 2 | 3 {
    return this.#protocol
  }

  /** Holds from the reply that is being written on. Only a running command sets it. */
  set protocol(version: 2 | 3) {
    this.#protocol = version
    this.#host.executor.writer.version = version
  }

  join(tenant: Tenant, user: string): boolean {
    if (tenant !== this.tenant) {
      if (!tenant.admit(this)) return false
      this.#quit()
      this.tenant = tenant
      this.databaseIndex = 0
      this.#host.moved(this)
    }
    this.user = user
    return true
  }

  leave(): void {
    this.#quit()
    this.user = DEFAULT_USER
    this.#host.moved(this)
  }

  #quit(): void {
    this.#account(0)
    this.tenant?.dismiss(this)
    this.tenant = undefined
  }

  block(answer: Promise<(reply: ReplyWriter) => void>): void {
    this.isBlocked = true
    void answer.then((write) => this.#unblock(write))
  }

  #unblock(write: (reply: ReplyWriter) => void): void {
    this.isBlocked = false
    if (this.isClosing) return
    const { executor } = this.#host
    executor.writer.version = this.#protocol
    executor.writer.errorCount = 0
    write(executor.writer)
    this.#send()
    if (this.#backlog === undefined) this.#readAgain()
    else this.#schedule()
  }

  closeAfterReply(): void {
    this.isClosing = true
  }

  close(): void {
    this.isClosing = true
    this.#transport.destroy()
  }

  /** The last words to a peer that is not let in, or that goes too far. Never within a turn. */
  refuse(error: string): void {
    this.#host.executor.writer.error(error)
    this.#finish()
  }

  received(count: number): void {
    if (this.isClosing) return
    if (this.tenant !== undefined) this.tenant.stats.inputBytes += count
    const { readBuffer } = this.#host.executor
    const backlog = this.#backlog
    if (backlog === undefined) {
      this.#turn(readBuffer, count)
      return
    }
    const { commandStart, bytesAwaited } = this.#requireDecoder()
    if (backlog.append(readBuffer, count, commandStart, bytesAwaited)) {
      this.#requireDecoder().rebase(backlog.bytes)
    }
    if (!this.#isScheduled) this.#turn(backlog.bytes, backlog.length)
  }

  /** For the server: the turn that `schedule` asked for. */
  continue(): void {
    this.#isScheduled = false
    const backlog = this.#backlog
    if (backlog !== undefined && !this.isClosing && !this.isBlocked)
      this.#turn(backlog.bytes, backlog.length)
  }

  drained(): void {
    if (this.isClosing) return
    this.#account(this.queryBytes)
    if (this.#backlog !== undefined && !this.#isReading) this.#schedule()
    else this.#readAgain()
  }

  ended(): void {
    if (!this.isClosing) this.#finish()
  }

  closed(): void {
    this.isClosing = true
    this.#quit()
    this.#releaseBacklog()
    this.#host.gone(this)
  }

  #turn(buffer: Buffer, end: number): void {
    const { executor } = this.#host
    const decoder = this.#decoder ?? executor.borrowDecoder()
    this.#decoder = decoder
    executor.output.totalBytesMax = this.#outputAllowance()
    const outcome = executor.run(this, decoder, buffer, end)
    this.#send()
    if (outcome === 'ended') this.#finish()
    else if (!this.isClosing) this.#afterTurn(outcome, buffer, end)
  }

  #afterTurn(outcome: TurnOutcome, buffer: Buffer, end: number): void {
    const decoder = this.#requireDecoder()
    decoder.settle()
    if (decoder.commandStart === end) this.#releaseBacklog()
    else this.#keep(decoder, buffer, end)
    const pendingBytes = this.outputBytes
    const isFull = this.#transport.isCongested || pendingBytes > OUTPUT_PAUSE_BYTES
    const mustWait = isFull || this.#mustLetLogCatchUp()
    if (outcome === 'yielded' && !mustWait) this.#schedule()
    if (outcome !== 'drained' || mustWait) this.#stopReading()
    else this.#readAgain()
    if (pendingBytes > 0 || this.#backlog !== undefined || this.#accountedBytes > 0) {
      this.#account(this.queryBytes + pendingBytes)
      this.#checkBacklog()
    }
  }

  /** Whether it wrote while the log is congested; `logMoved` lets it go on. */
  #mustLetLogCatchUp(): boolean {
    const { durability } = this.#host
    if (!durability.isCongested || this.tenant?.recorder === undefined) return false
    this.#host.waits(this)
    return true
  }

  /** The log has synced more. Returns whether this connection has nothing to wait for any more. */
  logMoved(): boolean {
    const { durability, executor } = this.#host
    const held = this.#held
    if (held !== undefined) {
      held.release(durability.syncedSequence, executor.output)
      if (executor.output.totalBytes > 0) this.#transport.send(executor.output)
      if (!held.isEmpty) return false
      this.#held = undefined
    }
    if (this.#isEnding) this.#end()
    else if (durability.isCongested) return false
    else if (this.#transport.pendingBytes === 0) this.drained()
    return true
  }

  /** Saves what the turn left over from the next read; in a backlog it stays where it is. */
  #keep(decoder: RequestDecoder, buffer: Buffer, end: number): void {
    if (this.#backlog !== undefined) return
    this.#backlog = new Backlog(buffer, decoder.commandStart, end, decoder.bytesAwaited)
    decoder.rebase(this.#backlog.bytes)
    this.requestSinceMs = this.lastTurnAtMs
  }

  #releaseBacklog(): void {
    this.#backlog = undefined
    this.requestSinceMs = undefined
    if (this.#decoder !== undefined) this.#host.executor.returnDecoder(this.#decoder)
    this.#decoder = undefined
  }

  #checkBacklog(): void {
    const { limits } = this.#host
    const bytesMax = this.tenant === undefined ? limits.newcomerQueryBytesMax : limits.queryBytesMax
    if (this.queryBytes > bytesMax || this.#tenantBytesLeft() < 0) {
      this.refuse('ERR Protocol error: query buffer limit exceeded')
    }
  }

  /** Bytes that this connection may still buffer before its tenant holds too much. */
  #tenantBytesLeft(): number {
    if (this.tenant === undefined) return Number.POSITIVE_INFINITY
    const { memoryLimitBytes } = this.tenant.assignment
    const { tenantBufferBytesMin, queryBytesMax } = this.#host.limits
    const bytesMax =
      memoryLimitBytes === 0 ? queryBytesMax : Math.max(tenantBufferBytesMin, memoryLimitBytes)
    return bytesMax - this.tenant.bufferBytes
  }

  #outputAllowance(): number {
    return Math.min(this.#host.limits.outputBytesMax, Math.max(0, this.#tenantBytesLeft()))
  }

  #account(bytes: number): void {
    if (this.tenant !== undefined) this.tenant.bufferBytes += bytes - this.#accountedBytes
    this.#accountedBytes = this.tenant === undefined ? 0 : bytes
  }

  #send(): void {
    const { output, writer } = this.#host.executor
    if (output.hasOverflowed) {
      output.reset()
      this.close()
      return
    }
    const bytes = output.totalBytes
    const awaited = this.#host.executor.awaitedSequence
    this.#host.executor.awaitedSequence = 0
    if (bytes === 0) return
    if (this.tenant !== undefined) {
      this.tenant.stats.outputBytes += bytes
      this.tenant.stats.errorReplies += writer.errorCount
    }
    if (this.#held === undefined && awaited <= this.#host.durability.syncedSequence) {
      this.#transport.send(output)
    } else this.#hold(awaited)
  }

  #hold(awaited: number): void {
    if (this.#held === undefined) this.#host.waits(this)
    this.#held ??= new HeldReplies()
    this.#held.push(this.#host.executor.output, awaited)
  }

  /** Sends what is written, then waits for the peer to take it and to close. */
  #finish(): void {
    this.isClosing = true
    this.#send()
    if (this.#transport.isClosed) return
    this.#releaseBacklog()
    this.#isEnding = true
    if (this.#held === undefined) this.#end()
  }

  #end(): void {
    this.#account(this.#transport.pendingBytes)
    this.#readAgain()
    this.#transport.end()
    this.#host.lingers(this)
  }

  #schedule(): void {
    if (this.#isScheduled || this.isBlocked) return
    this.#isScheduled = true
    this.#host.schedule(this)
  }

  #stopReading(): void {
    if (!this.#isReading) return
    this.#isReading = false
    this.#transport.pause()
  }

  #readAgain(): void {
    if (this.#isReading || this.#isScheduled || this.isBlocked) return
    this.#isReading = true
    this.#transport.resume()
  }

  #requireDecoder(): RequestDecoder {
    if (this.#decoder === undefined) throw new Error('a backlog without its decoder')
    return this.#decoder
  }

  #endpoints(): readonly [peer: string, local: string] {
    this.#addresses ??= [this.#transport.address, this.#transport.localAddress]
    return this.#addresses
  }
}
