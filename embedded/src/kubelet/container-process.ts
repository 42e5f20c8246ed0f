/**
 * One run of a container: a process group of this machine.
 *
 * The process leads a group of its own. When it ends, whatever it left behind in the group is
 * killed, as the kernel does when process 1 of a container ends, and only when nobody of the group
 * is left and every inherited pipe gave end-of-file is the container reported as terminated:
 * AUTHORITY 14 takes that report as proof.
 *
 * Its standard input is a pipe that this side never closes. When the cluster dies, however it
 * dies, the process reads end-of-file and, told so by MINIREDIS_EXIT_ON_STDIN_EOF, exits.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Clock } from '../clock.ts'
import type { ContainerLog } from './container-log.ts'
import type { Command } from './environment.ts'
import { groupMembers, identifyProcess, type ProcessIdentity, sendSignal } from './process-table.ts'

/** How often a group that was killed is looked at until it is empty. */
const GROUP_CHECK_INTERVAL_MS = 5

export interface ContainerExit {
  /** As a shell counts: 128 and the signal's number for a process that a signal ended. */
  readonly exitCode: number
  readonly signal?: number
  readonly finishedAt: number
}

export interface ContainerProcessOptions {
  readonly command: Command
  readonly directory: string
  readonly log: ContainerLog
  readonly clock: Clock
}

export class ContainerProcess {
  readonly startedAt: number
  /** Settles, never fails, when the whole group is gone. */
  readonly exited: Promise<ContainerExit>
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, { log, clock }: ContainerProcessOptions) {
    this.#child = child
    this.startedAt = clock.now()
    this.exited = this.#untilGone(child, log, clock)
  }

  /** Rejects when the program cannot be executed at all. */
  static async start(options: ContainerProcessOptions): Promise<ContainerProcess> {
    const { command, directory } = options
    const [program = '', ...args] = command.argv
    const child = spawn(program, args, {
      cwd: directory,
      env: { ...command.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    child.stdin?.on('error', () => undefined)
    await new Promise((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    child.on('error', () => undefined)
    return new ContainerProcess(child, options)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** undefined when it ended already. */
  get identity(): ProcessIdentity | undefined {
    return identifyProcess(this.pid)
  }

  /** To the container's first process, as a container runtime does. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** To all its processes at once. */
  kill(): void {
    sendSignal(-this.pid, 'SIGKILL')
  }

  async #untilGone(child: ChildProcess, log: ContainerLog, clock: Clock): Promise<ContainerExit> {
    const output = (['stdout', 'stderr'] as const).map(async (name) => {
      const stream = child[name]
      if (stream !== null) await log.consume(stream, name, clock.now)
    })
    const ended = await new Promise<Pick<ContainerExit, 'exitCode' | 'signal'>>((resolve) => {
      child.once('exit', (code, name) => resolve(exitOf(code, name)))
    })
    sendSignal(-this.pid, 'SIGKILL')
    await untilGroupIsEmpty(this.pid, clock)
    await Promise.all(output)
    log.close()
    return { ...ended, finishedAt: clock.now() }
  }
}

function exitOf(code: number | null, name: NodeJS.Signals | null) {
  if (name === null) return { exitCode: code ?? 255 }
  const signal = constants.signals[name]
  return { exitCode: 128 + signal, signal }
}

/** Asks again and again, because the kernel has no event for the end of a process group. */
export async function untilGroupIsEmpty(group: number, clock: Clock): Promise<void> {
  while (groupMembers(group).length > 0) {
    await new Promise<void>((resolve) => clock.after(GROUP_CHECK_INTERVAL_MS, resolve))
  }
}
