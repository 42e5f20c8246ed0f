/** Counts probe results the way the kubelet does. Pure. */
import type { Probe } from '../kinds.ts'

export type ProbeKind = 'startup' | 'liveness' | 'readiness'
export type ProbeResult = 'success' | 'failure'

export interface ProbeState {
  /** What the probe stands at: changes only after a whole row of equal outcomes. */
  readonly result: ProbeResult
  /** Equal outcomes in a row, the last one included. */
  readonly row: { readonly outcome: ProbeResult; readonly count: number }
  /** False until a threshold was reached for the first time. */
  readonly isDecided: boolean
}

/** A container counts as alive until a probe says otherwise, and as ready only once one says so. */
export function initialProbeState(kind: ProbeKind): ProbeState {
  const result = kind === 'liveness' ? 'success' : 'failure'
  return { result, row: { outcome: result, count: 0 }, isDecided: false }
}

export function afterOutcome(state: ProbeState, outcome: ProbeResult, probe: Probe): ProbeState {
  const count = state.row.outcome === outcome ? state.row.count + 1 : 1
  const row = { outcome, count }
  const threshold = outcome === 'success' ? probe.successThreshold : probe.failureThreshold
  return count < threshold ? { ...state, row } : { result: outcome, row, isDecided: true }
}
