/** The engine's end of the IPC channel: obeys the supervisor and answers its pings. */
import {
  type Assignment,
  type StorageReport,
  type TenantUsage,
  USAGE_INTERVAL_MS,
} from '@miniredis/crds'
import type { Logger } from '../telemetry/logger.ts'
import {
  type EngineMessage,
  type SupervisorMessage,
  supervisorMessageSchema,
} from './engine-messages.ts'
import { exitCodes } from './exit-codes.ts'

/** What the host needs of an engine. `assign` and `unassign` throw when they failed. */
export interface HostedEngine {
  assign(assignment: Assignment): void
  unassign(tenantUid: string): unknown
  usage(): TenantUsage[]
  /** Grows while the event loop turns. */
  progress(): number
  /** Resolves with the port that it listens on. */
  listen(): Promise<number>
  /** Stops accepting and closes. */
  close(): Promise<void>
}

/** Where to listen, and which run of an engine this is. */
export interface EngineStart {
  readonly bootNonce: string
  readonly host: string
  readonly port: number
  readonly dataDirectory: string
}

export type ReportStorage = (report: StorageReport) => void

/** The channel to the parent; `process` is one. */
export interface ParentChannel {
  send?(message: EngineMessage): boolean
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

export interface EngineHostOptions {
  readonly channel: ParentChannel
  /** Called once, with the first message. What the engine says of its volume it says to `report`. */
  readonly createEngine: (start: EngineStart, report: ReportStorage) => HostedEngine
  readonly exit: (code: number) => void
  readonly logger: Logger
}

export class EngineHost {
  readonly #options: EngineHostOptions
  #engine: HostedEngine | undefined

  constructor(options: EngineHostOptions) {
    this.#options = options
    const { channel, exit } = options
    channel.on('message', (message) => this.#receive(supervisorMessageSchema.parse(message)))
    channel.on('disconnect', () => exit(exitCodes.unavailable))
  }

  #send(message: EngineMessage): void {
    this.#options.channel.send?.(message)
  }

  #receive(message: SupervisorMessage): void {
    switch (message.kind) {
      case 'start':
        this.#start(message)
        break
      case 'assign':
        this.#apply(message.requestId, (engine) => engine.assign(message.assignment))
        break
      case 'unassign':
        this.#apply(message.requestId, (engine) => engine.unassign(message.tenantUid))
        break
      case 'ping':
        this.#send({ kind: 'pong', progress: this.#engine?.progress() ?? 0 })
        break
      case 'stop':
        this.#stop()
    }
  }

  /** Tenants first, door afterwards: a client never meets a tenant that is "not there yet". */
  #start(message: SupervisorMessage & { kind: 'start' }): void {
    const report: ReportStorage = (told) => this.#send({ kind: 'storage', report: told })
    const engine = this.#options.createEngine(message, report)
    this.#engine = engine
    for (const assignment of message.assignments) engine.assign(assignment)
    engine.listen().then(
      (port) => this.#ready(engine, port),
      (error: unknown) => {
        this.#options.logger.error({ err: error }, 'engine could not listen')
        this.#options.exit(exitCodes.unavailable)
      },
    )
  }

  #ready(engine: HostedEngine, port: number): void {
    this.#send({ kind: 'ready', port })
    const report = () => this.#send({ kind: 'usage', tenants: engine.usage() })
    setInterval(report, USAGE_INTERVAL_MS).unref()
  }

  #apply(requestId: number, action: (engine: HostedEngine) => unknown): void {
    this.#send({ kind: 'applied', requestId, failure: this.#try(action) })
  }

  #try(action: (engine: HostedEngine) => unknown): string | null {
    if (this.#engine === undefined) return 'the engine was not started'
    try {
      action(this.#engine)
      return null
    } catch (error) {
      this.#options.logger.error({ err: error }, 'assignment was not applied')
      return error instanceof Error ? error.message : String(error)
    }
  }

  #stop(): void {
    const { exit, logger } = this.#options
    const closed = this.#engine?.close() ?? Promise.resolve()
    closed.then(
      () => exit(exitCodes.ok),
      (error: unknown) => {
        logger.error({ err: error }, 'engine did not close cleanly')
        exit(exitCodes.software)
      },
    )
  }
}
