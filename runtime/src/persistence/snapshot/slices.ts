/** Long work in pieces: how long one may take, and what lies between them. */

export interface Slices {
  /** A slice begins. */
  begin(): void
  /** Whether it has lasted long enough. */
  isOver(): boolean
  /** Lets others work until the next slice may begin. */
  pause(): Promise<void>
}

/** A monotonic time in milliseconds. */
export interface Stopwatch {
  monotonicMs(): number
}

/** Slices of `budgetMs`, one per turn of the event loop. */
export function timedSlices(clock: Stopwatch, budgetMs: number): Slices {
  let endMs = 0
  return {
    begin: () => {
      endMs = clock.monotonicMs() + budgetMs
    },
    isOver: () => clock.monotonicMs() >= endMs,
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  }
}
