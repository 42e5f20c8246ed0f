/**
 * Process identity and process groups, read from /proc. A number alone names no process, because
 * numbers are used again; a number with its start time does.
 */
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot, field 22 of /proc/<pid>/stat. */
  readonly startTicks: number
}

interface ProcessEntry extends ProcessIdentity {
  readonly group: number
  readonly isDead: boolean
}

/** undefined when no such process runs (a zombie has ended and counts as none). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const entry = readEntry(pid)
  return entry === undefined || entry.isDead
    ? undefined
    : { pid: entry.pid, startTicks: entry.startTicks }
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTicks === identity.startTicks
}

/** Living members of a process group, the leader included. */
export function groupMembers(group: number): readonly ProcessIdentity[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readEntry(Number(name)))
    .filter((entry) => entry !== undefined)
    .filter((entry) => entry.group === group && !entry.isDead)
}

/** One variable of another process's environment, as it was at its start. */
export function environmentVariable(pid: number, name: string): string | undefined {
  const entries = readIfThere(`/proc/${pid}/environ`)?.split('\0') ?? []
  return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1)
}

/** Sends the signal; false when nobody was there to receive it. */
export function sendSignal(pidOrGroup: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pidOrGroup, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

// The command name, in parentheses, may hold spaces and parentheses itself: count from the last one.
function readEntry(pid: number): ProcessEntry | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const isDead = fields[0] === 'Z' || fields[0] === 'X'
  return { pid, group: Number(fields[2]), startTicks: Number(fields[19]), isDead }
}

// ENOENT and ESRCH: it ended meanwhile. EACCES and EPERM: it belongs to somebody else.
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}
