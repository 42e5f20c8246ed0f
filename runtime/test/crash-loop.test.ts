/**
 * Kills a server at random instants under load, again and again on the same directory, and asks what
 * is left each time. MINIREDIS_CRASH_ROUNDS makes it longer, MINIREDIS_CRASH_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomOf } from '../src/engine/testing/keyspaces.ts'
import { RespClient } from './resp-client.ts'

const program = join(import.meta.dirname, '../src/standalone-main.ts')
const ROUNDS = Number(process.env.MINIREDIS_CRASH_ROUNDS ?? 5)
const SEED = Number(process.env.MINIREDIS_CRASH_SEED ?? Date.now() % 1_000_000)
const WRITERS = 4
/** The load lasts up to so long before the kill. */
const LOAD_MS_MAX = 500
const START_MS_MAX = 30_000

interface Acknowledged {
  readonly value: number
  readonly atMs: number
}

/** One counter that one client increments, and how far it knows to have come. */
class Writer {
  readonly key: string
  sent = 0
  /** The last before the kill, and what was acknowledged a second before it. */
  acknowledged: Acknowledged[] = []

  constructor(index: number) {
    this.key = `counter:${index}`
  }

  /** Until the connection ends. Every tenth time by a value of some length. */
  async run(client: RespClient): Promise<void> {
    for (;;) {
      this.sent++
      const reply = await client.call('INCR', this.key)
      if (reply !== `:${this.sent}\r\n`) return
      this.acknowledged.push({ value: this.sent, atMs: performance.now() })
      if (this.sent % 10 === 0) await client.call('SET', `${this.key}:text`, 'x'.repeat(this.sent))
    }
  }

  lastBefore(ms: number): number {
    return this.acknowledged.findLast(({ atMs }) => atMs <= ms)?.value ?? 0
  }

  /** Goes on from what was left. */
  resume(value: number): void {
    this.sent = value
    this.acknowledged = [{ value, atMs: 0 }]
  }
}

class Server {
  readonly #child: ChildProcess
  #port = 0

  constructor(directory: string, flags: readonly string[]) {
    const fixed = ['--port', '0', '--dir', directory, '--appendonly', 'yes']
    this.#child = spawn(process.execPath, [program, ...fixed, ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  }

  /** Resolves when its data is loaded. A start never fails. */
  async ready(): Promise<RespClient> {
    const [line] = await once(this.#child.stdout ?? assert.fail(), 'data')
    this.#port = Number(/port (\d+)/.exec(String(line))?.[1])
    const client = await this.connect()
    const deadline = Date.now() + START_MS_MAX
    for (;;) {
      const reply = await client.call('PING')
      if (reply === '+PONG\r\n') return client
      assert.match(reply, /^-LOADING /)
      assert.ok(Date.now() < deadline, 'loading took too long')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  connect(): Promise<RespClient> {
    return RespClient.connect(this.#port)
  }

  async kill(): Promise<void> {
    if (this.#child.signalCode !== null || this.#child.exitCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }
}

const numberIn = (reply: string): number => Number(/^\$\d+\r\n(\d+)\r\n$/.exec(reply)?.[1] ?? 0)

/** One life of the server: what is left, then load, then its end. */
async function live(
  server: Server,
  writers: readonly Writer[],
  check: (writer: Writer, value: number) => void,
  random: () => number,
): Promise<void> {
  const client = await server.ready()
  for (const writer of writers) {
    const value = numberIn(await client.call('GET', writer.key))
    check(writer, value)
    writer.resume(value)
  }
  const loads = writers.map(async (writer) => {
    await writer.run(await server.connect()).catch(() => undefined)
  })
  const savesAtMs = random() % LOAD_MS_MAX
  const lastsMs = random() % LOAD_MS_MAX
  const timer = setTimeout(() => client.write('BGSAVE\r\n'), savesAtMs)
  await new Promise((resolve) => setTimeout(resolve, lastsMs))
  clearTimeout(timer)
  await server.kill()
  await Promise.all(loads)
}

describe('crash loop', function () {
  this.timeout(60_000 + ROUNDS * 10_000)

  for (const [policy, toleratedMs] of [
    ['always', 0],
    ['everysec', 1000],
  ] as const) {
    it(`with fsync ${policy} loses no acknowledged write${toleratedMs > 0 ? ' older than a second' : ''}`, async () => {
      const seed = SEED + toleratedMs
      console.log(`      MINIREDIS_CRASH_SEED=${SEED}`)
      const random = randomOf(seed)
      const directory = mkdtempSync(join(tmpdir(), 'crash-loop-'))
      const writers = Array.from({ length: WRITERS }, (_, index) => new Writer(index))
      let killedAtMs = Number.POSITIVE_INFINITY
      let server: Server | undefined
      try {
        for (let round = 0; round <= ROUNDS; round++) {
          server = new Server(directory, ['--appendfsync', policy, '--save', ''])
          const limitMs = killedAtMs - toleratedMs
          const check = (writer: Writer, value: number) => {
            const where = `${writer.key} in round ${round}`
            assert.ok(value >= writer.lastBefore(limitMs), `${where} lost an acknowledged write`)
            assert.ok(value <= writer.sent, `${where} holds what nobody wrote`)
          }
          await live(server, writers, check, random)
          killedAtMs = performance.now()
        }
        assert.ok(writers.some(({ sent }) => sent > 0))
      } finally {
        await server?.kill()
        rmSync(directory, { recursive: true })
      }
    })
  }
})
