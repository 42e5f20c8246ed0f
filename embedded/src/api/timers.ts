/** Time as the HTTP side needs it: now, once later, again and again. */
export interface ApiTimers {
  readonly now: () => number
  /** Returns what cancels it. */
  readonly after: (milliseconds: number, task: () => void) => () => void
  readonly every: (milliseconds: number, task: () => void) => () => void
}

export const systemTimers: ApiTimers = {
  now: Date.now,
  after: (milliseconds, task) => {
    const timer = setTimeout(task, milliseconds)
    return () => clearTimeout(timer)
  },
  every: (milliseconds, task) => {
    const timer = setInterval(task, milliseconds)
    return () => clearInterval(timer)
  },
}
