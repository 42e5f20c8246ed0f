/**
 * The cluster's daemons: started in a network namespace, detached, written down by pid and start
 * time, so that a later run can find and end exactly these and never a stranger with a reused pid.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Layout } from './layout.ts'

export interface Daemon {
  readonly name: string
  readonly command: readonly string[]
  /** A namespace made by network.ts; undefined: the host's own. */
  readonly networkNamespace?: string | undefined
}

/** Nothing of the caller's environment: Kubernetes' clients obey proxy variables. */
const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/nonexistent',
}

const POLL_MS = 50
const STOP_DEADLINE_MS = 8000

/** Starts the daemon unless it runs. Its output is appended to `<logs>/<name>.log`. */
export async function startDaemon(layout: Layout, daemon: Daemon): Promise<void> {
  if (isRunning(layout, daemon.name)) return
  await mkdir(layout.processes, { recursive: true })
  const [program = '', ...args] = [...entering(daemon.networkNamespace), ...daemon.command]
  const log = openSync(`${layout.logs}/${daemon.name}.log`, 'a')
  const child = spawn(program, args, {
    detached: true,
    env: environment,
    cwd: layout.state,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const pid = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('spawn', () => resolve(child.pid ?? 0))
  })
  child.unref()
  await writeFile(recordPath(layout, daemon.name), `${pid} ${startTime(pid) ?? ''}`)
}

/** Names of the daemons that were started and not stopped, running or not. */
export function recordedDaemons(layout: Layout): string[] {
  try {
    return readdirSync(layout.processes)
  } catch {
    return []
  }
}

export function isRunning(layout: Layout, name: string): boolean {
  return runningPid(layout, name) !== undefined
}

/** Sends a signal to a daemon; false when it does not run. */
export function signalDaemon(layout: Layout, name: string, signal: NodeJS.Signals): boolean {
  const pid = runningPid(layout, name)
  if (pid === undefined) return false
  process.kill(pid, signal)
  return true
}

/** Ends the daemon, by force after 8 s, and forgets it. */
export async function stopDaemon(
  layout: Layout,
  name: string,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  if (signalDaemon(layout, name, signal)) {
    const hasEnded = await eventually(() => !isRunning(layout, name), STOP_DEADLINE_MS)
    if (!hasEnded) signalDaemon(layout, name, 'SIGKILL')
    await eventually(() => !isRunning(layout, name), STOP_DEADLINE_MS)
  }
  await rm(recordPath(layout, name), { force: true })
}

/** Asks until the answer is true; false when the time is over. */
export async function eventually(
  ask: () => boolean | Promise<boolean>,
  deadlineMs: number,
): Promise<boolean> {
  const endsAtMs = Date.now() + deadlineMs
  while (!(await ask())) {
    if (Date.now() > endsAtMs) return false
    await sleep(POLL_MS)
  }
  return true
}

/** As eventually, but throws with the end of the daemon's log when it fails or ends meanwhile. */
export async function untilReady(
  layout: Layout,
  name: string,
  ask: () => Promise<boolean>,
  deadlineMs = 90_000,
): Promise<void> {
  const isSettled = async () => !isRunning(layout, name) || (await ask().catch(() => false))
  const isInTime = await eventually(isSettled, deadlineMs)
  if (isInTime && isRunning(layout, name)) return
  const what = isInTime ? 'ended' : `was not ready within ${deadlineMs / 1000} s`
  throw new Error(`${name} ${what}. The end of its log:\n${logTail(layout, name)}`)
}

/** A daemon of `nsenter`: `ip netns exec` would mount a fresh /sys and hide the control groups. */
export function entering(networkNamespace: string | undefined): string[] {
  return networkNamespace === undefined ? [] : ['nsenter', `--net=/run/netns/${networkNamespace}`]
}

function logTail(layout: Layout, name: string): string {
  return readFileSync(`${layout.logs}/${name}.log`, 'utf8').split('\n').slice(-20).join('\n')
}

function recordPath(layout: Layout, name: string): string {
  return `${layout.processes}/${name}`
}

function runningPid(layout: Layout, name: string): number | undefined {
  try {
    const [pid, startedAt] = readFileSync(recordPath(layout, name), 'utf8').split(' ')
    return startedAt !== '' && startTime(Number(pid)) === startedAt ? Number(pid) : undefined
  } catch {
    return undefined
  }
}

/** Field 22 of /proc/<pid>/stat. A zombie counts as gone: process 1 may be slow to collect it. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
