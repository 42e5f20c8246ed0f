/**
 * What keeping data costs: CPU per SET with a log synced once a second, beside redis-server with
 * appendonly yes, and how long a start takes per gigabyte of small keys.
 *
 * `node runtime/bench/persistence.ts [keys]`. What a snapshot does to latency is in snapshot.ts,
 * throughput of the log with fsync always in log.ts.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, whenServing } from '../test/redis-server.ts'
import { RespClient } from '../test/resp-client.ts'

const run = promisify(execFile)

const HOST = '127.0.0.1'
const TICKS_PER_SECOND = 100
const VALUE_BYTES = 32
const KEYS_DEFAULT = 1_000_000
const GIGABYTE = 1024 ** 3
const START_POLL_MS = 20

const program = join(import.meta.dirname, '../src/standalone-main.ts')
const logged = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '']
const unlogged = ['--save', '']

interface Server {
  readonly child: ChildProcess
  readonly port: number
}

async function start(command: string, words: readonly string[], flags: readonly string[]) {
  const port = await freePort(HOST)
  const child = spawn(command, [...words, '--port', String(port), ...flags], { stdio: 'ignore' })
  await whenServing(HOST, port)
  return { child, port }
}

async function stop({ child }: Server): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** User and system time of all threads of a process, in microseconds. proc(5), stat. */
function cpuMicros({ child }: Server): number {
  const text = readFileSync(`/proc/${child.pid}/stat`, 'latin1')
  const fields = text.split(') ')[1]?.split(' ') ?? []
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS_PER_SECOND
}

async function load({ port }: Server, requests: number, keys: number, depth: number) {
  const flags = ['-h', HOST, '-p', port, '-c', 50, '-n', requests, '-P', depth, '-r', keys]
  await run('redis-benchmark', [...flags, '-d', VALUE_BYTES, '-t', 'set', '-q'].map(String))
}

async function cpuPerSet(server: Server, depth: number, requests: number): Promise<number> {
  await load(server, requests / 4, 100_000, depth)
  const before = cpuMicros(server)
  await load(server, requests, 100_000, depth)
  const micros = (cpuMicros(server) - before) / requests
  await stop(server)
  return micros
}

async function compareCpu(directory: () => string): Promise<void> {
  console.log('SET, CPU µs  depth    none  everysec  overhead')
  for (const [depth, requests] of [
    [1, 100_000],
    [16, 800_000],
  ] as const) {
    for (const [name, command, words] of [
      ['redis-server', 'redis-server', []],
      ['miniredis-server', process.execPath, [program]],
    ] as const) {
      const of = async (flags: readonly string[]) =>
        cpuPerSet(await start(command, words, [...flags, '--dir', directory()]), depth, requests)
      const [none, everysec] = [await of(unlogged), await of(logged)]
      const row = [none, everysec, everysec - none].map((value) => value.toFixed(2).padStart(8))
      console.log(`${name.padEnd(17)}${String(depth).padStart(2)}  ${row.join('  ')}`)
    }
  }
}

function bytesIn(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((found) => found.isFile() && found.name !== 'reserve')
    .reduce((sum, found) => sum + statSync(join(found.parentPath, found.name)).size, 0)
}

/** Seconds from the start of the process until it answers PING with PONG. */
async function startSeconds(directory: string): Promise<number> {
  const port = await freePort(HOST)
  const began = performance.now()
  const words = [program, '--port', String(port), '--dir', directory, ...logged]
  const child = spawn(process.execPath, words, { stdio: 'ignore' })
  await whenServing(HOST, port)
  const client = await RespClient.connect(port)
  while ((await client.call('PING')) !== '+PONG\r\n') {
    await new Promise((resolve) => setTimeout(resolve, START_POLL_MS))
  }
  const seconds = (performance.now() - began) / 1000
  client.close()
  await stop({ child, port })
  return seconds
}

async function measureRecovery(keys: number, directory: string): Promise<void> {
  const empty = await startSeconds(`${directory}/empty`)
  const server = await start(process.execPath, [program], [...logged, '--dir', directory])
  await load(server, keys, keys * 10, 64)
  const client = await RespClient.connect(server.port)
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const bytes = bytesIn(directory)
  const seconds = (await startAfter(server, directory)) - empty
  const perGigabyte = (seconds * GIGABYTE) / bytes
  console.log(
    `recovery from the log: ${keys} keys, ${(bytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(2)} s, ` +
      `${perGigabyte.toFixed(1)} s per GB (goal 15)`,
  )
  client.close()
}

async function startAfter(server: Server, directory: string): Promise<number> {
  await stop(server)
  return startSeconds(directory)
}

const root = mkdtempSync(join(os.tmpdir(), 'bench-persistence-'))
let directories = 0
const { length: cpus } = os.cpus()
console.log(`${cpus} × ${os.cpus()[0]?.model}, load ${os.loadavg()[0]?.toFixed(1)}`)
try {
  await compareCpu(() => mkdtempSync(join(root, `d${directories++}-`)))
  await measureRecovery(Number(process.argv[2] ?? KEYS_DEFAULT), join(root, 'recovery'))
} finally {
  rmSync(root, { recursive: true, maxRetries: 3 })
}
