/** redis-server as the referee: a private one per caller, on a free loopback port. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'

const START_DEADLINE_MS = 10_000
const POLL_MS = 20

export interface RedisServer {
  readonly host: string
  readonly port: number
  readonly pid: number
  close(): Promise<void>
}

/** A port that was free a moment ago. */
export async function freePort(host: string): Promise<number> {
  const probe = net.createServer().listen(0, host)
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Starts redis-server without persistence. Rejects, naming the package, when there is none. */
export async function startRedisServer(flags: readonly string[] = []): Promise<RedisServer> {
  const host = '127.0.0.1'
  const port = await freePort(host)
  const fixed = ['--port', String(port), '--bind', host, '--save', '', '--loglevel', 'warning']
  const child = spawn('redis-server', [...fixed, ...flags], { stdio: 'ignore' })
  await Promise.race([whenServing(host, port), whenFailed(child)])
  return { host, port, pid: child.pid ?? 0, close: () => end(child) }
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

async function whenFailed(child: ChildProcess): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  child.once('error', () =>
    reject(new Error('redis-server is missing: install the package redis-server (make test does)')),
  )
  child.once('exit', (code) => reject(new Error(`redis-server ended early with code ${code}`)))
  return promise
}

/** Resolves when something at `port` answers PING. */
export async function whenServing(host: string, port: number): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS
  while (!(await answers(host, port))) {
    if (Date.now() > deadline) throw new Error(`nothing answers at ${host}:${port}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

async function answers(host: string, port: number): Promise<boolean> {
  const socket = net.connect(port, host)
  try {
    await once(socket, 'connect')
    socket.write('PING\r\n')
    await once(socket, 'data')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
