/**
 * One container of one pod through all its runs.
 *
 *   idle ──start──► running ──exit──► ended ──back-off──► running …
 *     ▲ │              │ probe failed, pod stopped: SIGTERM, grace, SIGKILL
 *     └─┘ something is missing: wait and look again
 *
 * The worker calls `run` while the pod should run and `stop` while it should not, as often as it
 * likes; `onChange` tells it that there is something new to see.
 */
import { randomUUID } from 'node:crypto'
import { type Clock, timestamp } from '../clock.ts'
import type { EventText } from '../event-recorder.ts'
import type { Container, ContainerStatus, ContainerTerminated, Pod } from '../kinds.ts'
import { afterRestart, type BackOff, currentBackOff, noBackOff } from './back-off.ts'
import { ContainerLog } from './container-log.ts'
import { type ContainerExit, ContainerProcess } from './container-process.ts'
import { type Command, ContainerConfigError } from './environment.ts'
import { type ContainerState, type ContainerView, containerIdText } from './pod-status.ts'
import { checkProbe, type ProbeTarget } from './probe-check.ts'
import type { ProbeKind, ProbeResult } from './probe-state.ts'
import { Prober } from './prober.ts'
import type { ProcessRecords } from './process-records.ts'
import { VolumeError } from './volumes.ts'

/** How soon a container that lacks something is tried again, when no change wakes it earlier. */
const MISSING_RETRY_MS = 10_000

export interface PreparedContainer {
  readonly command: Command
  readonly directory: string
  readonly probeTarget: ProbeTarget
}

export interface ContainerUnitOptions {
  readonly pod: Pod
  readonly container: Container
  readonly clock: Clock
  readonly records: ProcessRecords
  /** Throws VolumeError, ContainerConfigError or UnknownImageError while something is missing. */
  readonly prepare: (containerId: string) => Promise<PreparedContainer>
  readonly logPath: (run: number) => string
  readonly onChange: () => void
  readonly onEvent: (text: EventText) => void
}

/** No program is known for the image. */
export class UnknownImageError extends Error {}

interface RunningContainer {
  readonly kind: 'running'
  readonly containerId: string
  readonly process: ContainerProcess
  readonly probers: Map<ProbeKind, Prober>
  stopping: { killAt: number; cancel: () => void } | undefined
}

type UnitState =
  | { readonly kind: 'idle'; readonly reason: string; readonly message?: string; retryAt: number }
  | RunningContainer
  | {
      readonly kind: 'ended'
      readonly terminated: ContainerTerminated
      readonly endedAt: number
      /** The end itself was reported: a wait for the next run may be reported in its place. */
      isReported: boolean
    }

export class ContainerUnit {
  readonly #options: ContainerUnitOptions
  #state: UnitState = { kind: 'idle', reason: 'ContainerCreating', retryAt: 0 }
  #isStarting = false
  #runs = 0
  #hasRunHere = false
  #backOff: BackOff = noBackOff
  #lastTerminated: ContainerTerminated | undefined
  #lastContainerId: string | undefined
  #log: ContainerLog | undefined
  #cancelTimer: () => void = () => undefined

  /** recovered: what an earlier kubelet reported; its process has been ended since. */
  constructor(options: ContainerUnitOptions, recovered?: ContainerStatus) {
    this.#options = options
    if (recovered !== undefined) this.#recover(recovered)
  }

  get name(): string {
    return this.#options.container.name
  }

  /** No process of it exists, and none is about to. */
  get hasStopped(): boolean {
    return this.#state.kind !== 'running' && !this.#isStarting
  }

  /** The present run's log, or the last one's. */
  get log(): ContainerLog | undefined {
    return this.#log
  }

  get runs(): number {
    return this.#runs
  }

  get pid(): number | undefined {
    return this.#state.kind === 'running' ? this.#state.process.pid : undefined
  }

  run(): void {
    if (this.#isStarting || this.#state.kind === 'running') return
    if (this.#state.kind === 'ended' && !this.#state.isReported) {
      this.#state.isReported = true
      queueMicrotask(this.#options.onChange)
    }
    const dueAt = this.#startDueAt(this.#state)
    if (dueAt === undefined) return
    const now = this.#options.clock.now()
    if (now >= dueAt) void this.#start()
    else this.#wakeAfter(dueAt - now)
  }

  /** A later call with less grace shortens it. */
  stop(graceMs: number): void {
    this.#cancelTimer()
    if (this.#state.kind === 'running') this.#terminate(this.#state, graceMs)
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#state.kind === 'running') this.#state.process.signal(signal)
  }

  /** Something that it waits for may be there now. */
  retryNow(): void {
    if (this.#state.kind === 'idle') this.#state.retryAt = 0
  }

  view(isPodStopping: boolean): ContainerView {
    const { name, image } = this.#options.container
    const loops =
      this.#state.kind === 'ended' &&
      this.#state.isReported &&
      !isPodStopping &&
      this.#isBackingOff(this.#state)
    return {
      name,
      image,
      state: this.#viewState(loops),
      lastTerminated:
        loops && this.#state.kind === 'ended' ? this.#state.terminated : this.#lastTerminated,
      restartCount: Math.max(0, this.#runs - 1),
      isStarted: this.#isStarted(),
      isReady: this.#isReady(),
      containerId: this.#lastContainerId,
    }
  }

  #viewState(loops: boolean): ContainerState {
    const state = this.#state
    if (state.kind === 'idle') {
      return { kind: 'waiting', reason: state.reason, message: state.message }
    }
    if (state.kind === 'running') return { kind: 'running', startedAt: state.process.startedAt }
    if (!loops) return { kind: 'terminated', terminated: state.terminated }
    return { kind: 'waiting', reason: 'CrashLoopBackOff', message: this.#backOffMessage() }
  }

  #backOffMessage(): string {
    const { pod } = this.#options
    const { name, namespace, uid } = pod.metadata
    const seconds = currentBackOff(this.#backOff, this.#options.clock.now()).delayMs / 1000
    return `back-off ${seconds}s restarting failed container=${this.name} pod=${name}_${namespace}(${uid})`
  }

  #isStarted(): boolean {
    if (this.#state.kind !== 'running') return false
    const startup = this.#state.probers.get('startup')
    return startup === undefined || startup.result === 'success'
  }

  #isReady(): boolean {
    if (this.#state.kind !== 'running' || !this.#isStarted()) return false
    const { readinessProbe } = this.#options.container
    return (
      readinessProbe === undefined || this.#state.probers.get('readiness')?.result === 'success'
    )
  }

  #startDueAt(state: Exclude<UnitState, RunningContainer>): number | undefined {
    if (state.kind === 'idle') return state.retryAt
    if (!this.#shouldRestart(state.terminated)) return undefined
    return state.endedAt + currentBackOff(this.#backOff, this.#options.clock.now()).delayMs
  }

  #shouldRestart({ exitCode }: ContainerTerminated): boolean {
    const { restartPolicy } = this.#options.pod.spec
    return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0)
  }

  #isBackingOff(state: UnitState & { kind: 'ended' }): boolean {
    const dueAt = this.#startDueAt(state)
    return dueAt !== undefined && dueAt > state.endedAt
  }

  async #start(): Promise<void> {
    const { prepare, clock, onChange } = this.#options
    const containerId = randomUUID().replaceAll('-', '')
    this.#isStarting = true
    try {
      const prepared = await prepare(containerId)
      const log = new ContainerLog(this.#options.logPath(this.#runs))
      const process = await ContainerProcess.start({ ...prepared, log, clock })
      this.#log = log
      await this.#started(containerId, process, prepared)
    } catch (error) {
      this.#startFailed(error)
    }
    this.#isStarting = false
    onChange()
  }

  async #started(
    containerId: string,
    process: ContainerProcess,
    { probeTarget }: PreparedContainer,
  ): Promise<void> {
    const { clock, records, onEvent } = this.#options
    const { identity } = process
    if (identity !== undefined) await records.add({ containerId, ...identity })
    this.#countRun(containerId, clock.now())
    const state: RunningContainer = {
      kind: 'running',
      containerId,
      process,
      probers: new Map(),
      stopping: undefined,
    }
    this.#state = state
    onEvent({ type: 'Normal', reason: 'Started', message: `Started container ${this.name}` })
    this.#startProbes(state, probeTarget)
    void process.exited.then((exit) => this.#ended(state, exit))
  }

  #countRun(containerId: string, now: number): void {
    if (this.#state.kind === 'ended') this.#lastTerminated = this.#state.terminated
    // The first run after a restart of the cluster is no fault of the container.
    if (this.#hasRunHere) this.#backOff = afterRestart(this.#backOff, now)
    this.#hasRunHere = true
    this.#runs += 1
    this.#lastContainerId = containerId
  }

  #startFailed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    const { clock, onEvent } = this.#options
    const reason = waitingReason(error)
    if (this.#state.kind === 'ended') this.#lastTerminated = this.#state.terminated
    if (reason === undefined) {
      // Nothing ran: the program could not be executed. Container runtimes report it as an exit.
      this.#countRun(randomUUID().replaceAll('-', ''), clock.now())
      const at = timestamp(clock.now())
      const times = { startedAt: at, finishedAt: at }
      const terminated = { exitCode: 128, reason: 'StartError', message, ...times }
      this.#state = { kind: 'ended', terminated, endedAt: clock.now(), isReported: false }
      onEvent({ type: 'Warning', reason: 'Failed', message: `Error: ${message}` })
      return
    }
    const isNews = this.#state.kind !== 'idle' || this.#state.message !== message
    const retryAt = clock.now() + MISSING_RETRY_MS
    this.#state = { kind: 'idle', reason, message, retryAt }
    const kind = error instanceof VolumeError ? 'FailedMount' : 'Failed'
    if (isNews) onEvent({ type: 'Warning', reason: kind, message })
  }

  #ended(state: RunningContainer, exit: ContainerExit): void {
    const { records, clock, onChange } = this.#options
    state.stopping?.cancel()
    stopProbers(state)
    const terminated = terminatedBy(exit, state)
    this.#state = { kind: 'ended', terminated, endedAt: clock.now(), isReported: false }
    void records.remove(state.containerId).catch(() => undefined)
    onChange()
  }

  #terminate(state: RunningContainer, graceMs: number): void {
    const { clock, onEvent } = this.#options
    const killAt = clock.now() + graceMs
    if (state.stopping !== undefined && state.stopping.killAt <= killAt) return
    if (state.stopping === undefined) {
      const message = `Stopping container ${this.name}`
      onEvent({ type: 'Normal', reason: 'Killing', message })
      stopProbers(state)
    }
    state.stopping?.cancel()
    const cancel = clock.after(graceMs, () => state.process.kill())
    state.stopping = { killAt, cancel }
    if (graceMs > 0) state.process.signal('SIGTERM')
    else state.process.kill()
  }

  #startProbes(state: RunningContainer, target: ProbeTarget): void {
    const { startupProbe } = this.#options.container
    if (startupProbe === undefined) this.#startSteadyProbes(state, target)
    else this.#startProbe(state, 'startup', target)
  }

  #startSteadyProbes(state: RunningContainer, target: ProbeTarget): void {
    this.#startProbe(state, 'liveness', target)
    this.#startProbe(state, 'readiness', target)
  }

  #startProbe(state: RunningContainer, kind: ProbeKind, target: ProbeTarget): void {
    const { container, clock, onEvent } = this.#options
    const probe = container[`${kind}Probe`]
    if (probe === undefined) return
    const word = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`
    const prober = new Prober({
      kind,
      probe,
      clock,
      check: (one) => checkProbe(one, target),
      onResult: (result) => this.#probeDecided(state, kind, result, target),
      onFailure: (message) =>
        onEvent({
          type: 'Warning',
          reason: 'Unhealthy',
          message: `${word} probe failed: ${message}`,
        }),
    })
    state.probers.set(kind, prober)
  }

  #probeDecided(
    state: RunningContainer,
    kind: ProbeKind,
    result: ProbeResult,
    target: ProbeTarget,
  ): void {
    if (kind === 'startup' && result === 'success') {
      state.probers.get('startup')?.stop()
      this.#startSteadyProbes(state, target)
    }
    if (kind !== 'readiness' && result === 'failure') {
      const { pod, container } = this.#options
      const seconds =
        container[`${kind}Probe`]?.terminationGracePeriodSeconds ??
        pod.spec.terminationGracePeriodSeconds
      this.#terminate(state, seconds * 1000)
    }
    this.#options.onChange()
  }

  #wakeAfter(delayMs: number): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#options.clock.after(delayMs, this.#options.onChange)
  }

  #recover(status: ContainerStatus): void {
    const { clock } = this.#options
    this.#runs =
      status.state.running || status.state.terminated || status.lastState.terminated
        ? status.restartCount + 1
        : 0
    this.#lastTerminated = status.lastState.terminated
    this.#lastContainerId = status.containerID?.split('//')[1]
    const ended = recoveredEnd(status, clock.now())
    if (ended === undefined) return
    if (status.state.waiting !== undefined) this.#lastTerminated = undefined
    const finishedAt = Date.parse(ended.finishedAt ?? '')
    this.#state = {
      kind: 'ended',
      terminated: ended,
      endedAt: Number.isNaN(finishedAt) ? clock.now() : finishedAt,
      isReported: false,
    }
  }
}

function waitingReason(error: unknown): string | undefined {
  if (error instanceof UnknownImageError) return 'ErrImageNeverPull'
  if (error instanceof ContainerConfigError) return 'CreateContainerConfigError'
  if (error instanceof VolumeError) return 'ContainerCreating'
  return undefined
}

function stopProbers({ probers }: RunningContainer): void {
  for (const prober of probers.values()) prober.stop()
}

function terminatedBy(exit: ContainerExit, state: RunningContainer): ContainerTerminated {
  return {
    exitCode: exit.exitCode,
    ...(exit.signal !== undefined && { signal: exit.signal }),
    reason: exit.exitCode === 0 ? 'Completed' : 'Error',
    startedAt: timestamp(state.process.startedAt),
    finishedAt: timestamp(exit.finishedAt),
    containerID: containerIdText(state.containerId),
  }
}

/** How the last known run ended. One that was running when the cluster ended was ended with it. */
function recoveredEnd(status: ContainerStatus, now: number): ContainerTerminated | undefined {
  const { running, terminated } = status.state
  if (terminated !== undefined) return terminated
  if (running === undefined) return status.lastState.terminated
  return {
    exitCode: 137,
    reason: 'Error',
    message: 'The cluster ended, and this container with it',
    ...(running.startedAt !== undefined && { startedAt: running.startedAt }),
    finishedAt: timestamp(now),
    ...(status.containerID !== undefined && { containerID: status.containerID }),
  }
}
