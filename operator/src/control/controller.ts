/**
 * A controller: a work-queue and the workers that reconcile its keys. It knows no kinds.
 *
 * It runs only while the process leads. Whoever makes it lead puts every key on the queue first, so
 * stopping may forget what was waiting.
 */
import { AssertionError } from 'node:assert'
import type { BackOff } from './back-off.ts'
import type { Clock } from './clock.ts'
import { failed, OperatingError, type Outcome } from './outcome.ts'
import { WorkQueue } from './work-queue.ts'

export interface ControllerOptions {
  readonly name: string
  readonly workers: number
  readonly reconcile: (key: string) => Promise<Outcome>
  readonly clock: Clock
  readonly random: () => number
  readonly observer: ControllerObserver
  readonly backOff?: BackOff
}

/** Hears of every turn: metrics and logs. Must not throw. */
export interface ControllerObserver {
  reconciled(turn: Turn): void
}

export interface Turn {
  readonly controller: string
  readonly key: string
  /** `panicked`: a bug, not a failure of the world. */
  readonly result: 'done' | 'after' | 'failed' | 'panicked'
  readonly durationMs: number
  readonly error?: unknown
  /** When the key is looked at again without any news. */
  readonly nextMs?: number
}

export class Controller {
  readonly #options: ControllerOptions
  readonly #queue: WorkQueue
  #stopping: AbortController | undefined
  #workers: Promise<unknown> = Promise.resolve()

  constructor(options: ControllerOptions) {
    this.#options = options
    this.#queue = new WorkQueue(options)
  }

  get name(): string {
    return this.#options.name
  }

  get queue(): Pick<WorkQueue, 'depth' | 'active' | 'delayed'> {
    return this.#queue
  }

  get running(): boolean {
    return this.#stopping !== undefined
  }

  /** Asks for a key to be reconciled. While stopped nothing is remembered. */
  add(key: string): void {
    if (this.running) this.#queue.add(key)
  }

  /** Starts the workers; what a stop left running is waited for first. */
  start(): void {
    if (this.running) return
    const stopping = new AbortController()
    this.#stopping = stopping
    const { workers } = this.#options
    const previous = this.#workers
    const work = async () => {
      await previous
      await this.#work(stopping.signal)
    }
    this.#workers = Promise.all(Array.from({ length: workers }, work))
  }

  /** Takes no more keys; resolves when the turns under way have ended. */
  async stop(): Promise<void> {
    this.#stopping?.abort()
    this.#stopping = undefined
    this.#queue.clear()
    await this.#workers
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (;;) {
      const key = await this.#queue.take(signal)
      if (key === undefined) return
      await this.#turn(key)
    }
  }

  async #turn(key: string): Promise<void> {
    const { clock, observer, name: controller } = this.#options
    const startMs = clock.monotonic()
    const outcome = await this.#reconcile(key)
    const nextMs = this.running ? this.#schedule(key, outcome) : undefined
    this.#queue.finish(key)
    observer.reconciled({
      controller,
      key,
      result: resultOf(outcome),
      durationMs: clock.monotonic() - startMs,
      ...(outcome.kind === 'failed' && { error: outcome.error }),
      ...(nextMs !== undefined && { nextMs }),
    })
  }

  async #reconcile(key: string): Promise<Outcome> {
    try {
      return await this.#options.reconcile(key)
    } catch (error) {
      return failed(error)
    }
  }

  #schedule(key: string, outcome: Outcome): number | undefined {
    if (outcome.kind === 'failed') return this.#queue.addFailed(key)
    this.#queue.forget(key)
    if (outcome.kind === 'done') return undefined
    this.#queue.addAfter(key, outcome.delayMs)
    return outcome.delayMs
  }
}

function resultOf(outcome: Outcome): Turn['result'] {
  if (outcome.kind !== 'failed') return outcome.kind
  return isBug(outcome.error) ? 'panicked' : 'failed'
}

const isBug = (error: unknown): boolean =>
  error instanceof AssertionError || !(error instanceof OperatingError)
