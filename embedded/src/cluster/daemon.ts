/** The cluster as a background process: how it is found, started and stopped. */
import { spawn } from 'node:child_process'
import { openSync, readFileSync, renameSync, statSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { z } from 'zod'
import { systemClock } from '../clock.ts'
import {
  identifyProcess,
  isRunning,
  type ProcessIdentity,
  sendSignal,
} from '../kubelet/process-table.ts'
import { EmbeddedCluster } from './embedded-cluster.ts'
import { type Home, homeAt } from './home.ts'
import type { Settings } from './settings.ts'

/** From the start of the process until it is ready to take objects. */
export const START_MS_MAX = 30_000
/** From SIGTERM until it is killed: more than its own bounds together. */
export const STOP_MS_MAX = 20_000
const LOOK_MS = 50
const LOG_BYTES_MAX = 4 * 1024 * 1024
const LOG_LINES_SHOWN = 15

const daemonSchema = z.object({ pid: z.int(), startTicks: z.number(), apiUrl: z.string() })

export type Daemon = z.output<typeof daemonSchema>

/** The running cluster of this home; undefined when there is none. */
export function findDaemon(home: Home): Daemon | undefined {
  try {
    const daemon = daemonSchema.parse(JSON.parse(readFileSync(home.daemon, 'utf8')))
    return isRunning(daemon) ? daemon : undefined
  } catch {
    return undefined
  }
}

/** Runs the cluster in this process until it is told to stop. Rejects when it cannot start. */
export async function runCluster(
  settings: Settings,
  log: (message: string) => void,
): Promise<EmbeddedCluster> {
  const home = homeAt(settings.home)
  const { apiPort, portBase } = settings
  const cluster = await EmbeddedCluster.start({ home: settings.home, apiPort, portBase, log })
  const identity = identifyProcess(process.pid)
  await writeFile(home.daemon, JSON.stringify({ ...identity, apiUrl: cluster.apiUrl }))
  log(`The cluster runs: API ${cluster.apiUrl}, KUBECONFIG=${cluster.kubeconfig}`)
  return cluster
}

export async function stopCluster(cluster: EmbeddedCluster, home: Home): Promise<void> {
  await cluster.stop()
  await rm(home.daemon, { force: true })
}

export interface LaunchOptions {
  readonly home: Home
  readonly program: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Starts `main.ts run` in the background. Rejects with the end of its log when it does not come up. */
export async function launchDaemon({ home, program, environment }: LaunchOptions): Promise<Daemon> {
  keepLogShort(home)
  const log = openSync(home.daemonLog, 'a', 0o600)
  const child = spawn(process.execPath, [program, 'run'], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...environment, MINIREDIS_HOME: home.directory },
  })
  let problem: string | undefined
  child.on('exit', (code) => {
    problem = `it ended with exit code ${code}`
  })
  child.on('error', ({ message }) => {
    problem = message
  })
  const daemon = await waitFor(() => problem !== undefined || findDaemon(home), START_MS_MAX)
  child.unref()
  if (typeof daemon === 'object') return daemon
  const why = problem ?? `it was not ready after ${START_MS_MAX / 1000} s`
  if (problem === undefined) child.kill('SIGKILL')
  throw new Error(`the cluster did not start: ${why}\n${lastLines(home.daemonLog)}`)
}

/** Gently, then not. Resolves when the process is gone. */
export async function endDaemon(daemon: ProcessIdentity): Promise<void> {
  sendSignal(daemon.pid, 'SIGTERM')
  if (await waitFor(() => !isRunning(daemon), STOP_MS_MAX)) return
  sendSignal(daemon.pid, 'SIGKILL')
  await waitFor(() => !isRunning(daemon), STOP_MS_MAX)
}

/** Rejects with what to do when somebody holds the port. */
export async function assertPortIsFree(port: number): Promise<void> {
  const server = createServer()
  const code = await new Promise<string | undefined>((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(undefined)))
  })
  if (code === undefined) return
  const why = code === 'EADDRINUSE' ? 'is taken by another program' : `is not available (${code})`
  throw new Error(
    `port ${port} on 127.0.0.1 ${why}: stop that program, or choose other ports with ` +
      'MINIREDIS_PORT_BASE, for example MINIREDIS_PORT_BASE=7001 make up',
  )
}

/** The first answer that is not false or undefined; undefined when the time is over. */
export async function waitFor<T>(
  look: () => T | Promise<T>,
  msMax: number,
): Promise<Exclude<T, false | undefined> | undefined> {
  const giveUpAt = systemClock.now() + msMax
  for (;;) {
    const answer = await look()
    if (answer !== false && answer !== undefined) return answer as Exclude<T, false | undefined>
    if (systemClock.now() >= giveUpAt) return undefined
    await new Promise<void>((resolve) => systemClock.after(LOOK_MS, resolve))
  }
}

function keepLogShort({ daemonLog }: Home): void {
  const size = statSync(daemonLog, { throwIfNoEntry: false })?.size ?? 0
  if (size > LOG_BYTES_MAX) renameSync(daemonLog, `${daemonLog}.1`)
}

function lastLines(path: string): string {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  return lines.slice(-LOG_LINES_SHOWN).join('\n')
}
