/** Time as a port: what waits or dates anything gets one of these, tests give their own. */

export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number
  /** Runs once after the delay. The returned function cancels it. */
  after(delayMs: number, run: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}

/** RFC 3339 with whole seconds, as Kubernetes writes metav1.Time. */
export const timestamp = (ms: number): string =>
  `${new Date(ms).toISOString().slice(0, -'.000Z'.length)}Z`
