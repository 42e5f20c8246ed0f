/** Time as a port, so that queues, reflectors and elections run on a virtual clock in tests. */

export interface Clock {
  /** Wall clock, milliseconds since 1970. For people and the API; it may jump. */
  now(): number
  /** Milliseconds from an arbitrary zero that never go back. For every duration that matters. */
  monotonic(): number
  /** Runs once after so many milliseconds, soon when they are over. Returns what cancels it. */
  after(delayMs: number, run: () => void): Cancel
}

export type Cancel = () => void

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, Math.max(0, delayMs))
    return () => clearTimeout(timer)
  },
}

/** Resolves after so many milliseconds, or at once when the signal aborts. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const wake = () => {
      cancel()
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    const cancel = clock.after(delayMs, wake)
    signal?.addEventListener('abort', wake)
  })
}
