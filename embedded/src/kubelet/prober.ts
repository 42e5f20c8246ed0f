/** Runs the probes of one container run, one after the other's period, and tells what changed. */
import type { Clock } from '../clock.ts'
import type { Probe } from '../kinds.ts'
import type { ProbeOutcome } from './probe-check.ts'
import {
  afterOutcome,
  initialProbeState,
  type ProbeKind,
  type ProbeResult,
  type ProbeState,
} from './probe-state.ts'

export interface ProberOptions {
  readonly kind: ProbeKind
  readonly probe: Probe
  readonly clock: Clock
  readonly check: (probe: Probe) => Promise<ProbeOutcome>
  /** Called when the result is decided for the first time and at each change. */
  readonly onResult: (result: ProbeResult, message: string) => void
  readonly onFailure: (message: string) => void
}

export class Prober {
  readonly #options: ProberOptions
  #state: ProbeState
  #cancel: () => void = () => undefined
  #isStopped = false

  constructor(options: ProberOptions) {
    this.#options = options
    this.#state = initialProbeState(options.kind)
    this.#schedule(options.probe.initialDelaySeconds * 1000)
  }

  get result(): ProbeResult {
    return this.#state.result
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  #schedule(delayMs: number): void {
    this.#cancel = this.#options.clock.after(delayMs, () => void this.#run())
  }

  async #run(): Promise<void> {
    const { probe, check, onFailure } = this.#options
    const { result, message } = await check(probe)
    if (this.#isStopped) return
    if (result === 'failure') onFailure(message)
    this.#take(result, message)
    if (!this.#isStopped) this.#schedule(probe.periodSeconds * 1000)
  }

  #take(outcome: ProbeResult, message: string): void {
    const before = this.#state
    this.#state = afterOutcome(before, outcome, this.#options.probe)
    const { result, isDecided } = this.#state
    if (isDecided && (!before.isDecided || before.result !== result)) {
      this.#options.onResult(result, message)
    }
  }
}
