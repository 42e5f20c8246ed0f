/**
 * Keeps one pod as its object says: runs its containers, reports their state, and on deletion ends
 * them, reports how they ended, and only then lets the object go.
 */
import { rm } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../clock.ts'
import type { EventText } from '../event-recorder.ts'
import { type Container, type Pod, podSchema } from '../kinds.ts'
import type { ApiStore } from '../store/api-store.ts'
import { resources } from '../store/resources.ts'
import { ContainerUnit, type PreparedContainer } from './container-unit.ts'
import { buildPodStatus } from './pod-status.ts'
import type { ProcessRecords } from './process-records.ts'

/** After an error of the API or of a file. */
const ERROR_RETRY_MS = 1000
/** Logs of this many runs of a container are kept. */
const LOGGED_RUNS = 2

export interface PodWorkerOptions {
  readonly pod: Pod
  readonly podIP: string
  readonly hostIP: string
  readonly store: ApiStore
  readonly clock: Clock
  readonly records: ProcessRecords
  readonly logPath: (container: string, run: number) => string
  readonly prepare: (
    pod: Pod,
    container: Container,
    containerId: string,
  ) => Promise<PreparedContainer>
  readonly onEvent: (text: EventText) => void
  readonly onError: (error: unknown) => void
}

export class PodWorker {
  readonly #options: PodWorkerOptions
  readonly #units: readonly ContainerUnit[]
  #pod: Pod
  #isRemoved = false
  #shutdownGraceMs: number | undefined
  #isReleased = false
  #cancelRetry: () => void = () => undefined
  #whenStopped: () => void = () => undefined
  readonly #stopped = new Promise<void>((resolve) => {
    this.#whenStopped = resolve
  })

  constructor(options: PodWorkerOptions) {
    this.#options = options
    this.#pod = options.pod
    this.#units = options.pod.spec.containers.map((container) => this.#createUnit(container))
  }

  get pod(): Pod {
    return this.#pod
  }

  unit(name: string | undefined): ContainerUnit | undefined {
    return name === undefined ? this.#units[0] : this.#units.find((unit) => unit.name === name)
  }

  update(pod: Pod): void {
    this.#pod = pod
    this.step()
  }

  /** Something that its containers may wait for has changed. */
  retryNow(): void {
    for (const unit of this.#units) unit.retryNow()
    this.step()
  }

  /** The object is gone: nothing may run any more. Resolves when nothing does. */
  async remove(): Promise<void> {
    this.#isRemoved = true
    this.step()
    await this.#stopped
  }

  /** Ends the containers and reports it, the object stays. Resolves when nothing runs. */
  async shutDown(graceMsMax: number): Promise<void> {
    this.#shutdownGraceMs = graceMsMax
    this.step()
    await this.#stopped
  }

  step(): void {
    try {
      this.#cancelRetry()
      this.#act()
    } catch (error) {
      this.#options.onError(error)
      this.#cancelRetry = this.#options.clock.after(ERROR_RETRY_MS, () => this.step())
    }
  }

  // The status comes first: an exit must be seen in the API before the next run begins.
  #act(): void {
    const isStopping = this.#isStopping()
    if (isStopping) for (const unit of this.#units) unit.stop(this.#graceMs())
    this.#writeStatus(isStopping)
    if (!isStopping) for (const unit of this.#units) unit.run()
    else if (this.#units.every((unit) => unit.hasStopped)) this.#release()
  }

  #isStopping(): boolean {
    return (
      this.#isRemoved ||
      this.#shutdownGraceMs !== undefined ||
      this.#pod.metadata.deletionTimestamp !== undefined
    )
  }

  #graceMs(): number {
    if (this.#isRemoved) return 0
    const { metadata, spec } = this.#pod
    const seconds =
      metadata.deletionTimestamp === undefined
        ? spec.terminationGracePeriodSeconds
        : (metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds)
    return Math.min(seconds * 1000, this.#shutdownGraceMs ?? Number.POSITIVE_INFINITY)
  }

  /** Everything has ended and is reported: the API may delete the object. */
  #release(): void {
    if (
      !this.#isReleased &&
      this.#pod.metadata.deletionTimestamp !== undefined &&
      !this.#isRemoved
    ) {
      const { namespace, name, uid } = this.#pod.metadata
      const options = { gracePeriodSeconds: 0, preconditions: { uid } }
      if (this.#current() !== undefined) {
        this.#options.store.delete(resources.pods, { namespace, name }, options)
      }
      this.#isReleased = true
    }
    this.#whenStopped()
  }

  #writeStatus(isStopping: boolean): void {
    const current = this.#current()
    if (current === undefined || this.#isRemoved) return
    const { podIP, hostIP, clock, store } = this.#options
    const containers = this.#units.map((unit) => unit.view(isStopping))
    const pod = podSchema.parse(current)
    const view = { pod, containers, podIP, hostIP, now: clock.now() }
    const status: unknown = JSON.parse(JSON.stringify(buildPodStatus(view)))
    if (isDeepStrictEqual(current.status, status)) return
    const options = { subresource: 'status', fieldManager: 'kubelet' } as const
    store.update(resources.pods, { ...current, status }, options)
  }

  #current() {
    const { namespace, name, uid } = this.#pod.metadata
    const current = this.#options.store.find(resources.pods, { namespace, name })
    return current?.metadata.uid === uid ? current : undefined
  }

  #createUnit(container: Container): ContainerUnit {
    const { pod, clock, records, prepare, logPath, onEvent } = this.#options
    const options = {
      pod,
      container,
      clock,
      records,
      prepare: (containerId: string) => prepare(this.#pod, container, containerId),
      logPath: (run: number) => {
        void rm(logPath(container.name, run - LOGGED_RUNS), { force: true }).catch(() => undefined)
        return logPath(container.name, run)
      },
      onChange: () => this.step(),
      onEvent,
    }
    const statuses = pod.status.containerStatuses ?? []
    const recovered = statuses.find(({ name }) => name === container.name)
    return new ContainerUnit(options, recovered)
  }
}
