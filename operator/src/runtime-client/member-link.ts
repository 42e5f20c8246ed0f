/**
 * The link to one member: dials until it is closed, beats, and remembers what the member said.
 *
 *   dialling ─ hello ─► connected ─ silence, error, wrong pod ─► waiting (back-off) ─► dialling
 *
 * One timer ticks every BEAT_INTERVAL_MS for the whole life of the link; a tick without an answer
 * since the last one is a missed beat, connected or not. Suspicion follows from those alone and
 * from the engine's own progress; it is never proof of anything (AUTHORITY 13, 14).
 */
import {
  BEAT_INTERVAL_MS,
  type EngineState,
  type HeldShard,
  healthyStorage,
  type MemberMessage,
  type OperatorMessage,
  type StorageReport,
  shardKey,
  type TenantUsage,
} from '@miniredis/crds'
import { backOffMs } from '../control/back-off.ts'
import type { Cancel, Clock } from '../control/clock.ts'
import type { Dial, MemberConnection } from './connection.ts'
import { EXITS_KEPT_MAX, RECONNECT, SILENT_BEATS_MAX, SUSPICION_BEATS } from './limits.ts'
import type {
  EngineExit,
  MemberChange,
  MemberReport,
  MemberTarget,
  RequestResult,
} from './member-report.ts'
import { PendingRequests, unanswered } from './pending-requests.ts'

export interface MemberLinkOptions {
  readonly member: string
  readonly target: MemberTarget
  readonly dial: Dial
  readonly clock: Clock
  /** In [0, 1), as Math.random. */
  readonly random: () => number
  readonly onChange: (change: MemberChange) => void
  /** What an earlier link to the same member had seen. */
  readonly exits?: readonly EngineExit[]
}

type ShardRequest = Exclude<OperatorMessage, { kind: 'beat' }>
/** Distributes over the union, as Omit does not. */
type WithoutId<T> = T extends unknown ? Omit<T, 'requestId'> : never

export class MemberLink {
  readonly #options: MemberLinkOptions
  readonly #requests: PendingRequests
  readonly #held = new Map<string, HeldShard>()
  #usage: ReadonlyMap<string, TenantUsage> = new Map()
  #storage: StorageReport = healthyStorage
  #exits: readonly EngineExit[]
  #connection: MemberConnection | undefined
  #isConnected = false
  #isClosed = false
  #isSuspected = false
  #missedBeats = 0
  /** Beats since the present connection was dialled or last answered. */
  #silentBeats = 0
  #sequence = 0
  #failures = 0
  #failure: string | undefined = 'not connected yet'
  #volumeNonce: string | undefined
  #engine: EngineState | undefined
  #lastAnswerMs: number | undefined
  #cancelTick: Cancel = () => undefined
  #cancelDial: Cancel = () => undefined

  constructor(options: MemberLinkOptions) {
    this.#options = options
    this.#requests = new PendingRequests(options.clock)
    this.#exits = options.exits ?? []
    this.#scheduleTick()
    this.#dial()
  }

  get target(): MemberTarget {
    return this.#options.target
  }

  get report(): MemberReport {
    return {
      member: this.#options.member,
      podUid: this.#options.target.podUid,
      connected: this.#isConnected,
      suspected: this.#isSuspected,
      volumeNonce: this.#volumeNonce,
      engine: this.#engine,
      held: this.#held,
      usage: this.#usage,
      storage: this.#storage,
      exits: this.#exits,
      lastAnswerMs: this.#lastAnswerMs,
      failure: this.#failure,
    }
  }

  request(message: WithoutId<ShardRequest>): Promise<RequestResult> {
    const connection = this.#connection
    if (connection === undefined || !this.#isConnected) {
      const why = this.#failure ?? 'not connected'
      return Promise.resolve(unanswered(`${this.#options.member}: ${why}`))
    }
    return this.#requests.add((requestId) => connection.send({ ...message, requestId }))
  }

  /** Ends the link for good. Open requests are unanswered; nothing is told any more. */
  close(): void {
    this.#isClosed = true
    this.#cancelTick()
    this.#cancelDial()
    this.#connection?.close('the link was closed')
    this.#connection = undefined
    this.#isConnected = false
    this.#requests.failAll('the link was closed')
  }

  #changed(change: MemberChange): void {
    if (!this.#isClosed) this.#options.onChange(change)
  }

  #dial(): void {
    const { member, target, dial } = this.#options
    this.#silentBeats = 0
    // Events of a connection that was given up meanwhile are not this link's any more.
    const isPresent = (): boolean => this.#connection === connection
    const connection: MemberConnection = dial(member, target, {
      message: (message) => {
        if (isPresent()) this.#receive(message)
      },
      closed: (reason) => {
        if (isPresent()) this.#disconnected(reason)
      },
    })
    this.#connection = connection
  }

  #disconnected(reason: string): void {
    const wasConnected = this.#isConnected
    this.#connection = undefined
    this.#isConnected = false
    this.#failure = reason
    this.#failures++
    this.#requests.failAll(`the link was lost: ${reason}`)
    const delayMs = backOffMs(RECONNECT, this.#failures, this.#options.random())
    this.#cancelDial = this.#options.clock.after(delayMs, () => this.#dial())
    if (wasConnected) this.#changed('link')
  }

  #hangUp(reason: string): void {
    this.#connection?.close(reason)
    this.#disconnected(reason)
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#options.clock.after(BEAT_INTERVAL_MS, () => {
      this.#scheduleTick()
      this.#tick()
    })
  }

  #tick(): void {
    this.#missedBeats++
    this.#silentBeats++
    if (this.#connection !== undefined && this.#silentBeats > SILENT_BEATS_MAX) {
      this.#hangUp('the member is silent')
    }
    this.#updateSuspicion()
    if (this.#isConnected) this.#connection?.send({ kind: 'beat', sequence: ++this.#sequence })
  }

  #answered(engine: EngineState): void {
    const before = this.#engine
    this.#engine = engine
    this.#missedBeats = 0
    this.#silentBeats = 0
    this.#lastAnswerMs = this.#options.clock.monotonic()
    this.#updateSuspicion()
    if (before?.phase !== engine.phase || before.bootNonce !== engine.bootNonce) {
      this.#changed('engine')
    }
  }

  #updateSuspicion(): void {
    // The tick that counts a beat comes before that beat's answer could: one more than missed.
    const isSuspected =
      this.#missedBeats > SUSPICION_BEATS ||
      (this.#engine?.phase === 'stalled' && this.#isConnected)
    if (isSuspected === this.#isSuspected) return
    this.#isSuspected = isSuspected
    this.#changed('link')
  }

  #receive(message: MemberMessage): void {
    if (!this.#isConnected && message.kind !== 'hello') {
      this.#hangUp(`the member began with ${message.kind} instead of hello`)
      return
    }
    switch (message.kind) {
      case 'hello':
        this.#greet(message)
        break
      case 'beatAnswer':
        this.#failures = 0
        this.#answered(message.engine)
        break
      case 'engineStarted':
        this.#answered(message.engine)
        break
      case 'engineExited':
        this.#exited(message)
        break
      case 'result':
        this.#requests.answer(message.requestId, message.refusal)
        break
      case 'held':
        this.#held.set(shardKey(message.shard), message.shard)
        this.#changed('held')
        break
      case 'released':
        this.#held.delete(shardKey(message))
        this.#changed('held')
        break
      case 'storage':
        this.#storage = message.report
        this.#changed('storage')
        break
      case 'usage':
        this.#usage = new Map(message.tenants.map((usage) => [shardKey(usage), usage]))
        this.#changed('usage')
        break
    }
  }

  #greet(hello: MemberMessage & { kind: 'hello' }): void {
    const { member, target } = this.#options
    if (hello.member !== member || hello.podUid !== target.podUid) {
      this.#hangUp(
        `${target.address} is pod ${hello.podUid} of ${hello.member}, not the wanted one`,
      )
      return
    }
    this.#isConnected = true
    this.#failure = undefined
    this.#volumeNonce = hello.volumeNonce
    this.#storage = healthyStorage
    this.#held.clear()
    for (const shard of hello.held) this.#held.set(shardKey(shard), shard)
    this.#answered(hello.engine)
    this.#changed('link')
  }

  #exited({ bootNonce, exitCode, signal }: MemberMessage & { kind: 'engineExited' }): void {
    const exit = { podUid: this.#options.target.podUid, bootNonce, exitCode, signal }
    this.#exits = [...this.#exits, exit].slice(-EXITS_KEPT_MAX)
    this.#storage = healthyStorage
    if (this.#engine !== undefined) this.#engine = { ...this.#engine, phase: 'restarting' }
    this.#changed('engine')
  }
}
