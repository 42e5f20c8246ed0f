/** Effects: the same commands propagate the same from us and from redis-server, and can run again. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Replay } from '../src/commands/replay.ts'
import { CommandRunner } from '../src/commands/testing/command-runner.ts'
import { knownEffectDifferences } from './known-effect-differences.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import { RespClient } from './resp-client.ts'

const commands = [
  'SET k v',
  'set k v2 XX',
  'SET k v2 XX',
  'SET k v NX',
  'SET fresh v NX',
  'SETNX fresh2 v',
  'SETNX fresh2 w',
  'SET k v3 EX 100',
  'SET k v4 PX 100000 GET',
  'SET k v5 GET',
  'SET k v6 KEEPTTL',
  'SET at v EXAT 4102444800',
  'SETEX e 100 v',
  'PSETEX e 100000 w',
  'GETSET k g',
  'GETSET none g',
  'GETDEL none',
  'GETDEL none',
  'GETEX e',
  'GETEX e EX 50',
  'GETEX e PERSIST',
  'GETEX e PERSIST',
  'GETEX e PXAT 1000',
  'GET e',
  'MSET a 1 b 2',
  'MSETNX c 3 d 4',
  'MSETNX c 3 x 4',
  'MGET a b c',
  'APPEND k more',
  'APPEND k2 more',
  'SETRANGE k 3 xyz',
  'SETRANGE nothing 3 ""',
  'INCR a',
  'DECR a',
  'INCRBY a 10',
  'DECRBY a 3',
  'INCR k',
  'INCRBYFLOAT a 0.5',
  'INCRBYFLOAT f 3.0e3',
  'INCR big',
  'EXPIRE k 100',
  'PEXPIRE k 200000 GT',
  'EXPIRE k 100 GT',
  'EXPIRE k 300 XX',
  'EXPIREAT k 4102444800',
  'PEXPIREAT k 4102444800123',
  'EXPIRE nobody 100',
  'PERSIST k',
  'PERSIST k',
  'EXPIRE k -1',
  'DEL a nobody b',
  'DEL nobody',
  'UNLINK c d',
  'RENAME fresh renamed',
  'RENAME renamed renamed',
  'RENAMENX renamed at',
  'RENAMENX renamed free',
  'EXISTS free',
  'TOUCH free',
  'FLUSHDB',
  'FLUSHALL',
  'SET k v',
  'FLUSHDB ASYNC',
  'SET k v',
  'FLUSHALL',
]

/** Effects as text, without the frames that Redis puts around them, points in time as T. */
function textOf(wire: string): string[] {
  const found: string[] = []
  const words = wire.split('\r\n')
  let at = 0
  while (at < words.length - 1) {
    const count = Number(words[at].slice(1))
    const command = Array.from({ length: count }, (_, index) => words[at + 2 + 2 * index])
    at += 1 + 2 * count
    found.push(command.join(' ').replaceAll(/\b[14]\d{12}\b/g, 'T'))
  }
  return found
    .map((command) => command.replace(/^\S+/, (name) => name.toUpperCase()))
    .filter((command) => !/^(SELECT|MULTI|EXEC)\b/.test(command))
}

class Recorder {
  readonly runner = new CommandRunner(2)

  constructor() {
    this.runner.effects.isOn = true
    this.runner.nowMs = Date.now()
  }

  effectsOf(command: string): string {
    this.runner.ask(command)
    return this.take()
  }

  take(): string {
    const { effects } = this.runner
    const text = effects.bytes.toString('latin1', 0, effects.length)
    effects.reset()
    return text
  }
}

/** The part of redis-server's append-only file that this command adds. */
class RefereeLog {
  readonly #directory = mkdtempSync(join(tmpdir(), 'referee-'))
  #server: RedisServer | undefined
  #client: RespClient | undefined

  async start(): Promise<void> {
    const flags = ['--appendonly', 'yes', '--dir', this.#directory, '--appendfsync', 'no']
    this.#server = await startRedisServer(flags)
    this.#client = await RespClient.connect(this.#server.port)
  }

  async effectsOf(command: string): Promise<string> {
    const before = this.#bytes().length
    const words = command.split(' ').map((word) => (word === '""' ? '' : word))
    await this.#client?.call(...words)
    return this.#bytes().toString('latin1', before)
  }

  #bytes(): Buffer {
    const directory = join(this.#directory, 'appendonlydir')
    const name = readdirSync(directory).find((file) => file.endsWith('.incr.aof')) ?? ''
    return readFileSync(join(directory, name))
  }

  async stop(): Promise<void> {
    this.#client?.socket.destroy()
    await this.#server?.close()
    rmSync(this.#directory, { recursive: true })
  }
}

describe('effects', () => {
  it('are what redis-server propagates', async () => {
    const theirs = new RefereeLog()
    await theirs.start()
    try {
      const ours = new Recorder()
      const differing: string[] = []
      for (const command of commands) {
        const expected = textOf(await theirs.effectsOf(command))
        const told = textOf(ours.effectsOf(command))
        if (JSON.stringify(told) === JSON.stringify(expected)) continue
        if (!isKnown(command)) assert.deepEqual(told, expected, command)
        differing.push(command.toUpperCase())
      }
      const unused = knownEffectDifferences.filter(
        ({ command }) => !differing.includes(command.toUpperCase()),
      )
      assert.deepEqual(unused, [])
    } finally {
      await theirs.stop()
    }
  })

  it('tell a key whose time was over before what happened to it then', () => {
    const ours = new Recorder()
    ours.effectsOf('SET k v PX 10')
    ours.runner.nowMs += 11
    assert.deepEqual(textOf(ours.effectsOf('INCR k')), ['DEL k', 'INCR k'])
  })

  it('tell a key whose time was over when it is only read', () => {
    const ours = new Recorder()
    ours.effectsOf('SET k v PX 10')
    ours.runner.nowMs += 11
    assert.deepEqual(textOf(ours.effectsOf('GET k')), ['DEL k'])
    assert.deepEqual(textOf(ours.effectsOf('GET k')), [])
  })

  it('tell keys that expire without being asked for', () => {
    const ours = new Recorder()
    ours.effectsOf('SET k v PX 10')
    const database = ours.runner.tenant.database(0)
    database.expireSome(ours.runner.nowMs + 5000, 100)
    assert.deepEqual(textOf(ours.take()), ['DEL k'])
    assert.equal(ours.runner.effects.changes, 0)
  })

  it('count keys as Redis counts changes', () => {
    const { runner } = new Recorder()
    for (const line of ['MSET a 1 b 2 c 3', 'DEL a nobody b', 'INCR c', 'FLUSHALL']) {
      runner.ask(line)
    }
    assert.equal(runner.effects.changes, 3 + 2 + 1 + 1)
  })

  it('cost no byte when nobody listens', () => {
    const runner = new CommandRunner(2)
    for (const command of commands) runner.ask(command)
    assert.equal(runner.effects.length, 0)
  })

  it('fit whatever their length', () => {
    const ours = new Recorder()
    const value = 'x'.repeat(3_000_000)
    ours.runner.run('SET', 'k', value)
    assert.equal(ours.take(), `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n${value}\r\n`)
    assert.equal(ours.effectsOf('DEL k'), '*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n')
  })

  it('run again make the same data', () => {
    const key = fc.constantFrom('a', 'b', 'c')
    const templates = [...commands, 'SET a 5 PX 3', 'EXPIRE b 1', 'GETEX c PX 2', 'RANDOMKEY']
    const command = fc
      .tuple(fc.constantFrom(...templates), key)
      .map(([line, name]) => line.replace(/ [a-z]\b/, ` ${name}`))
    fc.assert(
      fc.property(fc.array(fc.tuple(command, fc.nat(4)), { maxLength: 60 }), (steps) => {
        const first = new Recorder()
        const again = new Recorder()
        const replay = new Replay(again.runner.host)
        for (const [line, waitedMs] of steps) {
          first.runner.nowMs += waitedMs
          const bytes = Buffer.from(first.effectsOf(line), 'latin1')
          replay.run(again.runner.tenant, 0, bytes, 0, bytes.length)
        }
        assert.deepEqual(dataOf(again.runner), dataOf(first.runner))
      }),
      { numRuns: 300 },
    )
  })

  for (const [title, wire] of [
    ['no array', 'SET k v\r\n'],
    ['a length without digits', '*\r\n'],
    ['a length beyond the end', '*2\r\n$3\r\nDEL\r\n$100\r\nk\r\n'],
    ['a negative length', '*-1\r\n'],
    ['a length of many digits', '*99999999999\r\n'],
    ['an empty command', '*0\r\n'],
    ['a command that is none', '*1\r\n$4\r\nNONE\r\n'],
    ['a command that changes no data', '*1\r\n$4\r\nINFO\r\n'],
    ['too few arguments', '*1\r\n$3\r\nSET\r\n'],
    ['a command that fails', '*3\r\n$6\r\nINCRBY\r\n$1\r\nk\r\n$1\r\nx\r\n'],
  ] as const) {
    it(`refuse ${title}`, () => {
      const { runner } = new Recorder()
      const bytes = Buffer.from(wire, 'latin1')
      const run = () => new Replay(runner.host).run(runner.tenant, 0, bytes, 0, bytes.length)
      assert.throws(run, { name: 'ReplayError' })
    })
  }
})

const isKnown = (command: string): boolean =>
  knownEffectDifferences.some((known) => known.command.toUpperCase() === command.toUpperCase())

/** Keys with values and expiry times, looked at before any time was over. */
function dataOf(runner: CommandRunner): string[] {
  const nowMs = runner.nowMs
  runner.nowMs = 0
  const names = runner
    .ask('KEYS *')
    .split(' ')
    .filter((_, index) => index > 0 && index % 2 === 0)
  const data = names.toSorted().map((name) => {
    return `${name} ${runner.ask(`GET ${name}`)} ${runner.ask(`PEXPIRETIME ${name}`)}`
  })
  runner.nowMs = nowMs
  return data
}
