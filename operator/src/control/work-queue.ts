/**
 * The work-queue: names of what should be looked at, each at most once at a time.
 *
 *   add ──────────────► ready ──take──► active ──finish──► (gone)
 *   addAfter ─► delayed ──┘               │  added meanwhile
 *                         ▲               ▼
 *                         └─────────── again
 *
 * A key that is added while it is active is looked at again afterwards, never by two at once. Of
 * several delays of one key the earliest counts. Memory is bounded by the number of distinct keys.
 */

import { type BackOff, backOffMs } from './back-off.ts'
import type { Cancel, Clock } from './clock.ts'

/** The cap stays low: after an outage of the API everything is tried again within half a minute. */
export const RETRY_BACK_OFF: BackOff = { firstMs: 100, mostMs: 30_000 }

export interface WorkQueueOptions {
  readonly clock: Clock
  /** In [0, 1), for jitter. */
  readonly random: () => number
  readonly backOff?: BackOff
}

interface Delayed {
  readonly dueMs: number
  readonly cancel: Cancel
}

export class WorkQueue {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #backOff: BackOff
  readonly #ready = new Set<string>()
  readonly #active = new Set<string>()
  readonly #again = new Set<string>()
  readonly #delayed = new Map<string, Delayed>()
  readonly #failures = new Map<string, number>()
  readonly #takers = new Set<(key: string) => void>()

  constructor({ clock, random, backOff = RETRY_BACK_OFF }: WorkQueueOptions) {
    this.#clock = clock
    this.#random = random
    this.#backOff = backOff
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.#ready.size + this.#again.size
  }

  get active(): number {
    return this.#active.size
  }

  get delayed(): number {
    return this.#delayed.size
  }

  add(key: string): void {
    if (this.#active.has(key)) {
      this.#again.add(key)
      return
    }
    const [taker] = this.#takers
    if (taker === undefined) this.#ready.add(key)
    else this.#hand(key, taker)
  }

  addAfter(key: string, delayMs: number): void {
    const dueMs = this.#clock.monotonic() + delayMs
    const present = this.#delayed.get(key)
    if (present !== undefined && present.dueMs <= dueMs) return
    present?.cancel()
    const cancel = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key)
      this.add(key)
    })
    this.#delayed.set(key, { dueMs, cancel })
  }

  /** Adds a key whose turn failed. @returns the delay in milliseconds */
  addFailed(key: string): number {
    const failures = (this.#failures.get(key) ?? 0) + 1
    this.#failures.set(key, failures)
    const delayMs = backOffMs(this.#backOff, failures, this.#random())
    this.addAfter(key, delayMs)
    return delayMs
  }

  /** The key's turn went well: its next failure starts with the shortest delay. */
  forget(key: string): void {
    this.#failures.delete(key)
  }

  /** The next key, now or when there is one; undefined once the signal aborts. */
  take(signal: AbortSignal): Promise<string | undefined> {
    if (signal.aborted) return Promise.resolve(undefined)
    const [key] = this.#ready
    return key === undefined ? this.#wait(signal) : Promise.resolve(this.#activate(key))
  }

  /** Ends the turn that take began. */
  finish(key: string): void {
    this.#active.delete(key)
    if (this.#again.delete(key)) this.add(key)
  }

  /** Cancels what is delayed and forgets what waits. What is active goes on. */
  clear(): void {
    for (const { cancel } of this.#delayed.values()) cancel()
    for (const keys of [this.#ready, this.#again, this.#delayed, this.#failures]) keys.clear()
  }

  #wait(signal: AbortSignal): Promise<string | undefined> {
    return new Promise((resolve) => {
      const settle = (key: string | undefined) => {
        this.#takers.delete(settle)
        signal.removeEventListener('abort', stop)
        resolve(key)
      }
      const stop = () => settle(undefined)
      signal.addEventListener('abort', stop)
      this.#takers.add(settle)
    })
  }

  #hand(key: string, taker: (key: string) => void): void {
    taker(this.#activate(key))
  }

  #activate(key: string): string {
    this.#ready.delete(key)
    this.#active.add(key)
    return key
  }
}
