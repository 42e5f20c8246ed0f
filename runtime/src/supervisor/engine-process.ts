/**
 * One engine process, from its start to its proven end.
 *
 *   spawn ─► start message ─► ready ─► ping / pong … ─► exit (reported once, whatever the reason)
 *
 * It knows nothing of restarts. The engine's standard input is a pipe that only this process
 * holds: its end tells the engine that the supervisor is gone (engine-guard.ts). Standard output
 * and error are inherited, so that their end-of-file proves the end of both processes.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { StorageReport, TenantUsage } from '@miniredis/crds'
import {
  type EngineMessage,
  engineMessageSchema,
  type SupervisorMessage,
} from './engine-messages.ts'

export interface ProcessExit {
  readonly exitCode: number | null
  readonly signal: string | null
}

export interface EngineEvents {
  ready(port: number): void
  progressed(progress: number): void
  applied(requestId: number, failure: string | null): void
  storage(report: StorageReport): void
  usage(tenants: readonly TenantUsage[]): void
  /** The last event. */
  exited(exit: ProcessExit): void
}

export interface EngineProcessOptions {
  readonly bootNonce: string
  /** The file of the engine program. */
  readonly program: string
  readonly events: EngineEvents
}

export class EngineProcess {
  readonly bootNonce: string
  readonly #child: ChildProcess
  readonly #events: EngineEvents
  #hasExited = false

  constructor({ bootNonce, program, events }: EngineProcessOptions) {
    this.bootNonce = bootNonce
    this.#events = events
    this.#child = spawn(process.execPath, [program], {
      stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
    })
    this.#child.stdin?.on('error', () => undefined)
    this.#child.on('message', (message) => this.#receive(message))
    this.#child.on('exit', (exitCode, signal) => this.#exited({ exitCode, signal }))
    // An engine without its channel cannot be told anything: it must not go on.
    this.#child.on('disconnect', () => this.kill())
    // Could not be spawned: no exit event follows. Errors of kill and send need no other handling.
    this.#child.on('error', () => {
      if (this.#child.pid === undefined) this.#exited({ exitCode: null, signal: null })
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Queues a message; to a process that is ending it is lost, and its exit is the answer. */
  send(message: SupervisorMessage): void {
    if (this.#hasExited || !this.#child.connected) return
    this.#child.send(message, () => undefined)
  }

  kill(): void {
    if (!this.#hasExited) this.#child.kill('SIGKILL')
  }

  #exited(exit: ProcessExit): void {
    if (this.#hasExited) return
    this.#hasExited = true
    this.#events.exited(exit)
  }

  #receive(raw: unknown): void {
    if (this.#hasExited) return
    const parsed = engineMessageSchema.safeParse(raw)
    // The same build wrote both ends: an unknown message is a bug, and this engine is not trusted.
    if (parsed.success) this.#dispatch(parsed.data)
    else this.kill()
  }

  #dispatch(message: EngineMessage): void {
    switch (message.kind) {
      case 'ready':
        this.#events.ready(message.port)
        break
      case 'pong':
        this.#events.progressed(message.progress)
        break
      case 'applied':
        this.#events.applied(message.requestId, message.failure)
        break
      case 'storage':
        this.#events.storage(message.report)
        break
      case 'usage':
        this.#events.usage(message.tenants)
        break
    }
  }
}
