/** Keeps the operator running: a child process, started again when it ends. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { ContainerLog } from '../kubelet/container-log.ts'
import { ContainerProcess } from '../kubelet/container-process.ts'
import { containerIdVariable, type ProcessRecords } from '../kubelet/process-records.ts'

/** After a first end at once, then doubling. */
const RESTART_DELAY_FIRST_MS = 250
const RESTART_DELAY_MAX_MS = 10_000
/** One that ran this long is forgiven. */
const STEADY_MS = 30_000

export interface OperatorProcessOptions {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly directory: string
  readonly logPath: string
  readonly clock: Clock
  readonly records: ProcessRecords
  readonly onEnd: (message: string) => void
}

export class OperatorProcess {
  readonly #options: OperatorProcessOptions
  #process: ContainerProcess | undefined
  #running: Promise<void> | undefined
  #isStopped = false
  #wake: () => void = () => undefined
  #delayMs = 0

  constructor(options: OperatorProcessOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  start(): void {
    this.#running ??= this.#keepRunning()
  }

  /** SIGKILL; it is started again. */
  kill(): void {
    this.#process?.kill()
  }

  /** SIGTERM, and SIGKILL after the grace period. Resolves when it has ended. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true
    this.#wake()
    this.#process?.signal('SIGTERM')
    const cancel = this.#options.clock.after(graceMs, () => this.#process?.kill())
    await this.#running
    cancel()
  }

  async #keepRunning(): Promise<void> {
    while (!this.#isStopped) {
      const startedAt = this.#options.clock.now()
      const why = await this.#runOnce().catch((error: unknown) => String(error))
      this.#process = undefined
      if (this.#isStopped) return
      this.#options.onEnd(why)
      await this.#pause(this.#options.clock.now() - startedAt)
    }
  }

  async #runOnce(): Promise<string> {
    const { argv, env, directory, logPath, clock, records } = this.#options
    const containerId = randomUUID().replaceAll('-', '')
    // As a Deployment does it: each run is a pod of its own name, and so a candidate of its own.
    const name = `miniredis-operator-${randomBytes(4).toString('hex')}`
    const command = {
      argv,
      env: { ...env, MINIREDIS_POD_NAME: name, [containerIdVariable]: containerId },
    }
    const log = new ContainerLog(logPath)
    this.#process = await ContainerProcess.start({ command, directory, log, clock })
    if (this.#isStopped) this.#process.signal('SIGTERM')
    const { identity } = this.#process
    if (identity !== undefined) await records.add({ containerId, ...identity })
    const { exitCode } = await this.#process.exited
    await records.remove(containerId)
    return `exit code ${exitCode}`
  }

  async #pause(ranMs: number): Promise<void> {
    if (ranMs > STEADY_MS) this.#delayMs = 0
    const delayMs = this.#delayMs
    this.#delayMs = Math.min(Math.max(delayMs * 2, RESTART_DELAY_FIRST_MS), RESTART_DELAY_MAX_MS)
    if (delayMs === 0) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      this.#options.clock.after(delayMs, resolve)
    })
  }
}
