/** A clock that stands still until it is told how far to go. A test double for Clock. */
import { setImmediate } from 'node:timers/promises'
import type { Cancel, Clock } from './clock.ts'

/** Turns of the event loop given to promises after each timer: enough for loopback I/O-free code. */
const SETTLE_TURNS = 3

export class VirtualClock implements Clock {
  #elapsedMs = 0
  readonly #startMs: number
  readonly #timers = new Set<{ readonly dueMs: number; readonly run: () => void }>()

  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs
  }

  now(): number {
    return this.#startMs + this.#elapsedMs
  }

  monotonic(): number {
    return this.#elapsedMs
  }

  after(delayMs: number, run: () => void): Cancel {
    const timer = { dueMs: this.#elapsedMs + Math.max(0, delayMs), run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  get pendingTimers(): number {
    return this.#timers.size
  }

  /** Goes forward, firing every timer at its own instant and letting promises settle in between. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#elapsedMs + byMs
    await settle()
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#timers.delete(timer)
      this.#elapsedMs = Math.max(this.#elapsedMs, timer.dueMs)
      timer.run()
      await settle()
    }
    this.#elapsedMs = endMs
  }

  #next(endMs: number) {
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= endMs)
    return due.reduce<(typeof due)[number] | undefined>(
      (first, timer) => (first === undefined || timer.dueMs < first.dueMs ? timer : first),
      undefined,
    )
  }
}

/** Lets every promise that can go on without I/O go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) await setImmediate()
}
