/**
 * When a container that ended may start again, as the kubelet does it: the first time at once,
 * then after 10 s, doubling up to 300 s; forgiven after ten quiet minutes.
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
 */

export const BACK_OFF_FIRST_MS = 10_000
export const BACK_OFF_MAX_MS = 300_000
export const BACK_OFF_FORGIVEN_MS = 600_000

export interface BackOff {
  /** How long after its end the next restart waits. */
  readonly delayMs: number
  /** When the last restart was made. */
  readonly restartedAt: number
}

export const noBackOff: BackOff = { delayMs: 0, restartedAt: Number.NEGATIVE_INFINITY }

/** The back-off that holds now: forgiven when the last restart is long ago. */
export function currentBackOff(backOff: BackOff, now: number): BackOff {
  return now - backOff.restartedAt > BACK_OFF_FORGIVEN_MS ? noBackOff : backOff
}

export function afterRestart(backOff: BackOff, now: number): BackOff {
  const { delayMs } = currentBackOff(backOff, now)
  const next = delayMs === 0 ? BACK_OFF_FIRST_MS : Math.min(delayMs * 2, BACK_OFF_MAX_MS)
  return { delayMs: next, restartedAt: now }
}
