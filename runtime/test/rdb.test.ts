/** redis-server is the referee of files and payloads: each reads what the other wrote. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandRunner } from '../src/commands/testing/command-runner.ts'
import { NodeDisk } from '../src/persistence/node-disk.ts'
import { Crc64 } from '../src/persistence/rdb/crc64.ts'
import { loadSnapshot } from '../src/persistence/snapshot/load-snapshot.ts'
import { timedSlices } from '../src/persistence/snapshot/slices.ts'
import { startSnapshot } from '../src/persistence/snapshot/snapshot.ts'
import { seededRandom, seedForTests } from '../src/protocol/testing/cuts.ts'
import { systemClock } from '../src/server/clock.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import { RespClient } from './resp-client.ts'

const FILE = 'dump.rdb'
const DATABASES = [0, 1, 15] as const
/** Beyond any test's run; one has milliseconds that a seconds-based format would lose. */
const EXPIRIES = [4_102_444_800_000, 4_102_444_800_123, 33_177_117_420_999] as const
const seed = seedForTests()
const disk = new NodeDisk()
const slices = () => timedSlices(systemClock, 2)

interface Item {
  readonly key: string
  readonly value: string
  readonly expiresAtMs: number | undefined
}

/** By database. */
type Data = ReadonlyMap<number, readonly Item[]>

const lengths = [0, 1, 4, 11, 20, 21, 63, 64, 300, 5000, 16_384, 20_000, 70_000, 300_000]
const edges = ['-128', '127', '128', '-32769', '32767', '2147483647', '-2147483649', '007', '-0']

function randomValue(random: () => number): string {
  const below = (count: number) => Math.floor(random() * count)
  const length = lengths[below(below(30) === 0 ? lengths.length : 10)]
  const byte = () => String.fromCharCode(below(256))
  switch (below(6)) {
    case 0:
      return edges[below(edges.length)]
    case 1:
      return String(Math.trunc((random() - 0.5) * 2 ** (8 * (1 + below(8)))))
    case 2:
      return 'compressible '.repeat(length / 10)
    case 3:
      return byte().repeat(length)
    case 4:
      return String(random())
    default:
      return Array.from({ length }, byte).join('')
  }
}

function randomData(random: () => number, count: number): Data {
  return new Map(
    DATABASES.map((index) => {
      const items = Array.from({ length: count }, (_, at) => ({
        key: random() < 0.5 ? `key:${at}` : `${randomValue(random).slice(0, 20_000)}:${at}`,
        value: randomValue(random),
        expiresAtMs: [undefined, undefined, ...EXPIRIES][Math.floor(random() * 5)],
      }))
      return [index, items]
    }),
  )
}

type Call = (...words: readonly string[]) => Promise<string>

const clientCall =
  (client: RespClient): Call =>
  (...words) =>
    client.call(...words)

/** The same for our commands. */
function runnerCall(runner: CommandRunner): Call {
  return async (...words) => {
    if (words[0] !== 'SELECT') return runner.raw(...words)
    runner.databaseIndex = Number(words[1])
    return '+OK\r\n'
  }
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

async function fill(call: Call, data: Data): Promise<void> {
  for (const [index, items] of data) {
    await call('SELECT', String(index))
    for (const { key, value, expiresAtMs } of items) {
      const expiry = expiresAtMs === undefined ? [] : ['PXAT', String(expiresAtMs)]
      assert.equal(await call('SET', key, value, ...expiry), '+OK\r\n')
    }
  }
}

async function compare(call: Call, data: Data): Promise<void> {
  for (const [index, items] of data) {
    await call('SELECT', String(index))
    assert.equal(await call('DBSIZE'), `:${items.length}\r\n`)
    for (const { key, value, expiresAtMs } of items) {
      assert.equal(await call('GET', key), bulk(value))
      assert.equal(await call('PEXPIRETIME', key), `:${expiresAtMs ?? -1}\r\n`)
    }
  }
}

describe('RDB files and payloads', function () {
  this.timeout(60_000)
  let directory = ''
  let path = ''
  const servers: RedisServer[] = []
  const clients: RespClient[] = []

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'miniredis-rdb-'))
    path = join(directory, FILE)
  })

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    for (const server of servers.splice(0)) await server.close()
    rmSync(directory, { recursive: true })
  })

  /** A redis-server that has loaded the file in the directory, if there is one. */
  async function redis(...flags: readonly string[]): Promise<Call> {
    const server = await startRedisServer(['--dir', directory, '--dbfilename', FILE, ...flags])
    servers.push(server)
    const client = await RespClient.connect(server.port)
    clients.push(client)
    const call = clientCall(client)
    while ((await call('PING')).startsWith('-LOADING')) {}
    return call
  }

  async function load(): Promise<CommandRunner> {
    const runner = new CommandRunner(2)
    const database = (index: number) => runner.tenant.database(index)
    await loadSnapshot({ disk, path, database, slices: slices() })
    return runner
  }

  it(`redis-server loads ours, MINIREDIS_SEED=${seed}`, async () => {
    const random = seededRandom(seed)
    const data = randomData(random, 400)
    const runner = new CommandRunner(2)
    await fill(runnerCall(runner), data)
    const databases = runner.tenant.databases()
    const snapshot = startSnapshot({ disk, path, databases, aux: { 'redis-ver': '7.0.15' } })
    // What changes before its turn is written out of order, so databases alternate in the file.
    const overwrite = async () => {
      for (const [index, items] of data) {
        runner.databaseIndex = index
        runner.run('set', items[Math.floor(random() * items.length)].key, 'changed since')
      }
    }
    await snapshot.run({ begin: () => {}, isOver: () => true, pause: overwrite })
    const report = execFileSync('redis-check-rdb', [path], { encoding: 'utf8' })
    assert.match(report, /RDB looks OK/)
    await compare(await redis(), data)
  })

  const savers = [[], ['--rdbcompression', 'no'], ['--rdbchecksum', 'no']]
  for (const flags of savers) {
    it(`we load what redis-server ${flags.join(' ')} saved, MINIREDIS_SEED=${seed}`, async () => {
      const data = randomData(seededRandom(seed + 1), 400)
      const call = await redis(...flags)
      await fill(call, data)
      const code = "#!lua name=lib\nredis.register_function('f', function() return 1 end)"
      await call('FUNCTION', 'LOAD', code)
      assert.equal(await call('SAVE'), '+OK\r\n')
      await compare(runnerCall(await load()), data)
    })
  }

  it('we name the type that we cannot load', async () => {
    const call = await redis()
    await call('RPUSH', 'list', 'a')
    await call('SAVE')
    await assert.rejects(
      load(),
      /dump\.rdb: a value of type list_quicklist_2 \(18\).* at offset \d+$/,
    )
  })

  it(`DUMP and RESTORE go both ways, MINIREDIS_SEED=${seed}`, async () => {
    const random = seededRandom(seed + 2)
    const theirs = await redis()
    const ours = runnerCall(new CommandRunner(2))
    for (let count = 0; count < 500; count++) {
      const value = randomValue(random)
      for (const [from, to] of [
        [theirs, ours],
        [ours, theirs],
      ] as const) {
        await from('SET', 'from', value)
        const payload = (await from('DUMP', 'from')).replace(/^\$\d+\r\n/, '').slice(0, -2)
        assert.equal(await to('RESTORE', 'to', '0', payload, 'REPLACE'), '+OK\r\n')
        assert.equal(await to('GET', 'to'), bulk(value))
      }
    }
  })

  it('RESTORE answers as redis-server does, hostile payloads included', async () => {
    const theirs = await redis()
    const ours = runnerCall(new CommandRunner(2))
    for (const call of [theirs, ours]) await call('SET', 'busy', 'x')
    const good = signed('\x00\xc0\x01')
    const wrongs: readonly (readonly string[])[] = [
      ['a', '0', good],
      ['a', '0', good],
      ['busy', '0', 'bad'],
      ['busy', '0', 'bad', 'REPLACE'],
      ['b', '-1', good],
      ['b', 'x', good],
      ['b', '0', good, 'IDLETIME', '-1'],
      ['b', '0', good, 'FREQ', '256'],
      ['b', '0', good, 'FREQ', '5', 'IDLETIME', '5'],
      ['b', '0', good, 'IDLETIME'],
      ['b', '0', good, 'NOPE'],
      ['b', '0', good.slice(0, -1)],
      ['b', '0', ''],
      ['b', '1', good, 'ABSTTL'],
      ['a', '1', good, 'ABSTTL', 'REPLACE'],
      ...hostile.map((body) => ['b', '0', signed(body)]),
    ]
    for (const words of wrongs) {
      assert.equal(
        await ours('RESTORE', ...words),
        await theirs('RESTORE', ...words),
        words.join(' '),
      )
      assert.equal(
        await ours('EXISTS', 'a', 'b'),
        await theirs('EXISTS', 'a', 'b'),
        words.join(' '),
      )
    }
  })
})

/** A value with the footer of version 10. */
function signed(body: string): string {
  const bytes = Buffer.from(`${body}\x0a\x00${'\0'.repeat(8)}`, 'latin1')
  const end = bytes.length - 8
  new Crc64().update(bytes, 0, end).write(bytes, end)
  return bytes.toString('latin1')
}

const hostile = [
  '',
  '\x00',
  '\x00\x20abc',
  '\x00\x80\xff\xff\xff\xff',
  `\x00\x81\x7f${'\xff'.repeat(7)}`,
  '\x00\xc3\x02\x80\x1f\xff\xff\xffab',
  '\x00\xc3\x04\x04\x00a\x20\x01',
  '\x00\xc3\x05\x09\x00a\xe0\x0a\x00',
  '\x63\x00',
]
