/**
 * Keeps one engine running and says at every moment what it is doing.
 *
 *   starting ─ ready ─► running ◄─ pong ─► stalled (no pong for SUSPICION_MS)
 *      │                   │                  │
 *      └────── exit ───────┴─────── exit ─────┘─► restarting ─ ready ─► running
 *
 * What the engine should serve is read from the book when it is sent, never remembered here: a
 * late or repeated message therefore only says again what is true.
 */
import { randomUUID } from 'node:crypto'
import {
  type Assignment,
  type EngineState,
  healthyStorage,
  type StorageReport,
  SUSPICION_MS,
  type TenantUsage,
} from '@miniredis/crds'
import type { Logger } from '../telemetry/logger.ts'
import { EngineProcess, type ProcessExit } from './engine-process.ts'
import { type EnginePatience, enginePatience, PING_INTERVAL_MS } from './limits.ts'
import { noCrashes, planRestart } from './restart-delay.ts'

export interface EngineKeeperEvents {
  started(engine: EngineState): void
  exited(bootNonce: string, exit: ProcessExit): void
  storage(report: StorageReport): void
  usage(tenants: readonly TenantUsage[]): void
}

/** What the engine should serve: the durable book of assignments. */
export interface WantedShards {
  assignments(): readonly Assignment[]
  assignment(key: string): Assignment | undefined
}

export interface EngineKeeperOptions {
  readonly program: string
  readonly host: string
  readonly port: number
  readonly dataDirectory: string
  readonly wanted: WantedShards
  readonly events: EngineKeeperEvents
  readonly logger: Logger
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  readonly patience?: Partial<EnginePatience> | undefined
}

const WATCH_MS_MAX = 10 * PING_INTERVAL_MS

type Phase = EngineState['phase']
type Applied = (failure: string | null) => void

export class EngineKeeper {
  readonly #options: EngineKeeperOptions
  readonly #patience: EnginePatience
  readonly #pending = new Map<number, Applied>()
  #engine: EngineProcess | undefined
  #phase: Phase = 'starting'
  #bootNonce = ''
  #progress = 0
  #restarts = 0
  #startedAtMs = 0
  #tickedAtMs = 0
  #port: number | undefined
  #crashes = noCrashes
  #storage: StorageReport = healthyStorage
  /** Ticks since the last sign of life: counted, so that a frozen supervisor blames nobody. */
  #silentTicks = 0
  #requestId = 0
  /** Requests up to this one are answered by the start message of the present engine. */
  #requestIdAtStart = 0
  #ticker: NodeJS.Timeout | undefined
  #restartTimer: NodeJS.Timeout | undefined
  #stopped: (() => void) | undefined

  constructor(options: EngineKeeperOptions) {
    this.#options = options
    this.#patience = { ...enginePatience, ...options.patience }
  }

  get state(): EngineState {
    return {
      phase: this.#phase,
      bootNonce: this.#bootNonce,
      progress: this.#progress,
      restarts: this.#restarts,
    }
  }

  /** What the present engine said last of the volume. */
  get storage(): StorageReport {
    return this.#storage
  }

  /** Where the engine listens; undefined while it does not. */
  get port(): number | undefined {
    return this.#port
  }

  get pid(): number | undefined {
    return this.#engine?.pid
  }

  start(): void {
    this.#tickedAtMs = this.#options.nowMs()
    this.#spawn()
    this.#ticker = setInterval(() => this.#tick(), PING_INTERVAL_MS)
  }

  /**
   * Makes the engine serve what the book says of this shard. Resolves with null when it does, or
   * with why it does not yet: its next start will see to it.
   */
  settle(key: string, tenantUid: string, shard: number): Promise<string | null> {
    return new Promise((resolve) => {
      const requestId = ++this.#requestId
      const timer = setTimeout(
        () => this.#applied(requestId, 'the engine did not answer in time'),
        this.#patience.applyMs,
      )
      this.#pending.set(requestId, (failure) => {
        clearTimeout(timer)
        resolve(failure)
      })
      const assignment = this.#options.wanted.assignment(key)
      if (assignment === undefined) {
        this.#engine?.send({ kind: 'unassign', requestId, tenantUid, shard })
      } else this.#engine?.send({ kind: 'assign', requestId, assignment })
    })
  }

  /** Ends the engine: it may close its connections, then it is killed. Resolves when it is gone. */
  async stop(): Promise<void> {
    clearInterval(this.#ticker)
    clearTimeout(this.#restartTimer)
    const engine = this.#engine
    const gone = new Promise<void>((resolve) => {
      this.#stopped = resolve
    })
    if (engine === undefined) return
    engine.send({ kind: 'stop' })
    const killer = setTimeout(() => engine.kill(), this.#patience.stopMs)
    await gone
    clearTimeout(killer)
  }

  kill(): void {
    this.#engine?.kill()
  }

  #spawn(): void {
    const { program, host, port, dataDirectory, wanted, nowMs } = this.#options
    this.#bootNonce = randomUUID()
    this.#startedAtMs = nowMs()
    this.#progress = 0
    this.#silentTicks = 0
    this.#storage = healthyStorage
    const engine = new EngineProcess({
      bootNonce: this.#bootNonce,
      program,
      events: {
        ready: (listening) => this.#ready(listening),
        progressed: (progress) => this.#progressed(progress),
        applied: (requestId, failure) => this.#applied(requestId, failure),
        storage: (report) => this.#storageReported(report),
        usage: (tenants) => this.#options.events.usage(tenants),
        exited: (exit) => this.#exited(exit),
      },
    })
    this.#engine = engine
    this.#requestIdAtStart = this.#requestId
    const assignments = [...wanted.assignments()]
    engine.send({
      kind: 'start',
      bootNonce: this.#bootNonce,
      host,
      port,
      dataDirectory,
      assignments,
    })
  }

  #ready(port: number): void {
    this.#phase = 'running'
    this.#port = port
    this.#silentTicks = 0
    for (const requestId of [...this.#pending.keys()]) {
      if (requestId <= this.#requestIdAtStart) this.#applied(requestId, null)
    }
    const startMs = Math.round(this.#options.nowMs() - this.#startedAtMs)
    this.#options.logger.info({ bootNonce: this.#bootNonce, startMs }, 'engine started')
    this.#options.events.started(this.state)
  }

  #storageReported(report: StorageReport): void {
    this.#storage = report
    this.#options.events.storage(report)
  }

  #progressed(progress: number): void {
    this.#progress = progress
    this.#silentTicks = 0
    if (this.#phase === 'stalled') this.#phase = 'running'
  }

  #applied(requestId: number, failure: string | null): void {
    const resolve = this.#pending.get(requestId)
    this.#pending.delete(requestId)
    resolve?.(failure)
  }

  #exited(exit: ProcessExit): void {
    const { bootNonce } = this
    this.#engine = undefined
    this.#port = undefined
    this.#phase = 'restarting'
    this.#options.events.exited(bootNonce, exit)
    if (this.#stopped === undefined) this.#planNext(exit)
    else this.#stopped()
  }

  #planNext(exit: ProcessExit): void {
    const { bootNonce } = this
    const livedMs = Math.round(this.#options.nowMs() - this.#startedAtMs)
    const { history, delayMs } = planRestart(this.#crashes, livedMs)
    this.#crashes = history
    this.#restarts++
    this.#options.logger.error({ bootNonce, ...exit, livedMs, delayMs }, 'engine exited')
    this.#restartTimer = setTimeout(() => this.#spawn(), delayMs)
  }

  get bootNonce(): string {
    return this.#bootNonce
  }

  /** The timer that watches the engine runs. Not so: nobody would notice a hanging engine. */
  get isWatching(): boolean {
    return this.#options.nowMs() - this.#tickedAtMs < WATCH_MS_MAX
  }

  #tick(): void {
    this.#tickedAtMs = this.#options.nowMs()
    const engine = this.#engine
    if (engine === undefined) return
    this.#silentTicks++
    const silentMs = this.#silentTicks * PING_INTERVAL_MS
    if (this.#phase === 'running' && silentMs > SUSPICION_MS) this.#suspect()
    const { stallMs, startMs } = this.#patience
    const silentMsMax = this.#phase === 'stalled' ? stallMs : startMs
    if (this.#phase !== 'running' && silentMs > silentMsMax) this.#giveUp(engine, silentMs)
    if (this.#port !== undefined) engine.send({ kind: 'ping' })
  }

  #suspect(): void {
    this.#phase = 'stalled'
    this.#options.logger.warn({ bootNonce: this.#bootNonce }, 'engine made no progress')
  }

  #giveUp(engine: EngineProcess, silentMs: number): void {
    this.#options.logger.error({ bootNonce: this.#bootNonce, silentMs }, 'engine was killed')
    engine.kill()
  }
}
