/** Finds processes of the cluster under test on this machine, containers included. */
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessMark {
  /** Part of the command line. */
  readonly program: string
  /** An entry of the environment, `NAME=value`, that only this process and its children have. */
  readonly environment: string
}

/**
 * The pids whose command line and environment match, oldest first.
 * Needs the right to read /proc/<pid>/environ: the same user, or root.
 */
export function findProcesses({ program, environment }: ProcessMark): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => read(pid, 'cmdline').some((argument) => argument.includes(program)))
    .filter((pid) => read(pid, 'environ').includes(environment))
    .sort((a, b) => a - b)
}

/** @throws Error when not exactly one process matches */
export function killProcess(mark: ProcessMark, signal: NodeJS.Signals = 'SIGKILL'): void {
  const [pid, ...others] = findProcesses(mark)
  if (pid === undefined || others.length > 0) {
    throw new Error(`expected one process ${mark.program}, found ${others.length + (pid ? 1 : 0)}`)
  }
  process.kill(pid, signal)
}

function read(pid: number, file: 'cmdline' | 'environ'): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0')
  } catch {
    return [] // it ended meanwhile, or belongs to somebody else
  }
}
