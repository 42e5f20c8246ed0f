/**
 * Server CPU per GET and SET beside redis-server, in one run on one machine.
 *
 * `node runtime/bench/commands.ts [rounds]`. redis-benchmark makes the load in a process of its own;
 * what counts is the CPU time that the kernel charged the server, not how long it took, so a busy
 * machine disturbs little. The two servers take turns and the median of the rounds is printed.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, startRedisServer, whenServing } from '../test/redis-server.ts'

const run = promisify(execFile)

const HOST = '127.0.0.1'
const CLIENTS = 50
const KEYS = 100_000
const VALUE_BYTES = 32
const TICKS_PER_SECOND = 100
const ROUNDS_DEFAULT = 3

/** How many requests make about a second of work at this pipeline depth, and the goal for it. */
const depths = [
  { depth: 1, requests: 100_000, goal: 1.05 },
  { depth: 16, requests: 1_000_000, goal: 0.8 },
  { depth: 64, requests: 2_000_000, goal: 0.6 },
] as const

interface Server {
  readonly name: string
  readonly port: number
  readonly pid: number
}

/** User and system time of all threads of a process, in microseconds. proc(5), stat. */
function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS_PER_SECOND
}

async function load(server: Server, command: string, depth: number, requests: number) {
  const flags = ['-h', HOST, '-p', server.port, '-c', CLIENTS, '-n', requests, '-P', depth]
  const data = ['-r', KEYS, '-d', VALUE_BYTES, '-t', command, '-q']
  await run('redis-benchmark', [...flags, ...data].map(String))
}

async function measure(server: Server, command: string, depth: number, requests: number) {
  const before = cpuMicros(server.pid)
  await load(server, command, depth, requests)
  return (cpuMicros(server.pid) - before) / requests
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

async function compare(theirs: Server, ours: Server, rounds: number): Promise<void> {
  console.log('command  depth  redis-server  miniredis-server  ratio  goal   (CPU µs per command)')
  for (const { depth, requests, goal } of depths) {
    for (const command of ['get', 'set']) {
      const [redis, mini]: [number[], number[]] = [[], []]
      for (let round = 0; round < rounds; round++) {
        redis.push(await measure(theirs, command, depth, requests))
        mini.push(await measure(ours, command, depth, requests))
      }
      const [slow, fast] = [median(redis), median(mini)]
      console.log(
        `${command.toUpperCase().padEnd(7)}${String(depth).padStart(7)}${slow.toFixed(2).padStart(14)}` +
          `${fast.toFixed(2).padStart(18)}${(fast / slow).toFixed(2).padStart(7)}${goal.toFixed(2).padStart(6)}`,
      )
    }
  }
}

async function startOurs(): Promise<Server & { readonly child: ChildProcess }> {
  const port = await freePort(HOST)
  const program = join(import.meta.dirname, '../src/standalone-main.ts')
  const nodeFlags = process.env.MINIREDIS_BENCH_NODE_FLAGS?.split(' ') ?? []
  const flags = ['--port', String(port), '--save', '']
  const child = spawn(process.execPath, [...nodeFlags, program, ...flags], { stdio: 'ignore' })
  await whenServing(HOST, port)
  return { name: 'miniredis-server', port, pid: child.pid ?? 0, child }
}

async function main(rounds: number): Promise<void> {
  const redis = await startRedisServer()
  const theirs = { name: 'redis-server', ...redis }
  const ours = await startOurs()
  try {
    const { stdout } = await run('redis-server', ['--version'])
    const cpus = os.cpus()
    console.log(`${cpus.length} × ${cpus[0]?.model ?? 'CPU'}, ${os.type()} ${os.release()}`)
    console.log(
      `node ${process.versions.node}; ${stdout.trim()}; load ${os.loadavg()[0]?.toFixed(1)}`,
    )
    for (const server of [theirs, ours]) {
      for (const command of ['set', 'get']) await load(server, command, 16, 200_000)
    }
    await compare(theirs, ours, rounds)
  } finally {
    const exited = once(ours.child, 'exit')
    ours.child.kill('SIGTERM')
    await Promise.all([exited, redis.close()])
  }
}

await main(Number(process.argv[2] ?? ROUNDS_DEFAULT))
