/** redis-server is the referee: the same bytes to both, the same bytes back. */
import assert from 'node:assert/strict'
import { cuts, seededRandom, seedForTests } from '../src/protocol/testing/cuts.ts'
import { sha256, startEngine, type TestEngine, tenant } from './engine.ts'
import { knownDifferences } from './known-differences.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import {
  type Command,
  randomStream,
  strangers,
  strangeWires,
  streams,
  wires,
} from './referee-streams.ts'
import { encodeRequest, RespClient } from './resp-client.ts'

type Send = (client: RespClient, wire: string) => Promise<void>

const senders: Readonly<Record<string, Send>> = {
  pipelined: async (client, wire) => client.write(wire),
  'byte by byte': (client, wire) => client.writeSlowly(wire),
}

interface Difference {
  readonly at: number
  readonly command: string
  readonly redis: string
  readonly ours: string
}

const show = (text = ''): string => JSON.stringify(text.slice(0, 300))

/** Their replies are seconds of a clock that goes on between the two servers. */
const clockReaders = new Set(['TTL', 'EXPIRETIME'])
const INTEGER = /^:(\d+)\r\n$/

function isSame([name]: Command, redis = '', ours = ''): boolean {
  if (redis === ours) return true
  const [theirs, own] = [INTEGER.exec(redis), INTEGER.exec(ours)]
  if (!clockReaders.has(name ?? '') || theirs === null || own === null) return false
  return Math.abs(Number(theirs[1]) - Number(own[1])) === 1
}

function differences(commands: readonly Command[], redis: string[], ours: string[]): Difference[] {
  return commands.flatMap((command, at) =>
    isSame(command, redis[at], ours[at])
      ? []
      : [{ at, command: show(command.join(' ')), redis: show(redis[at]), ours: show(ours[at]) }],
  )
}

/** Fails unless what was found is exactly what the list allows. */
function judge(title: string, found: readonly Difference[]): void {
  const known = knownDifferences.filter(({ stream }) => stream === title).map(({ at }) => at)
  assert.deepEqual(
    found.filter(({ at }) => !known.includes(at)),
    [],
  )
  const vanished = known.filter((at) => !found.some((difference) => difference.at === at))
  assert.deepEqual(vanished, [], 'no longer different: remove it from the list')
}

/** Everything that the server at `port` says to `wire` before it closes. */
async function tell(port: number, wire: string): Promise<string> {
  const client = await RespClient.connect(port)
  client.write(wire)
  client.socket.end()
  const answer = await client.untilEnd()
  client.close()
  return answer
}

/** The greeting of HELLO without what is each server's own: version and client id. */
const withoutVariables = (reply: string): string =>
  reply.replace(/(version\r\n)\$\d+\r\n[^\r]*/, '$1').replace(/(\r\nid\r\n):\d+/, '$1')

describe('referee', () => {
  const seed = seedForTests()
  let redis: RedisServer
  let engine: TestEngine

  let guardedRedis: RedisServer
  let guardedEngine: TestEngine

  before(async () => {
    redis = await startRedisServer()
    guardedRedis = await startRedisServer(['--requirepass', 'secret'])
    const guarded = { userName: 'default', passwordHashes: [sha256('secret')] }
    guardedEngine = await startEngine([tenant('guarded', guarded)])
    engine = await startEngine([tenant('referee', { userName: 'default' })], { isOpen: true })
  })

  after(async () => {
    await Promise.all([redis.close(), guardedRedis.close(), engine.close(), guardedEngine.close()])
    assert.deepEqual([...engine.failures, ...guardedEngine.failures], [])
  })

  /** All replies to `commands` on a fresh connection that speaks `protocol`, with no data before. */
  async function ask(port: number, protocol: string, commands: readonly Command[], send: Send) {
    const client = await RespClient.connect(port)
    try {
      await client.call('FLUSHALL')
      await client.call('HELLO', protocol)
      await send(client, commands.map(encodeRequest).join(''))
      return await client.replies(commands.length)
    } finally {
      client.close()
    }
  }

  async function compare(protocol: string, commands: readonly Command[], send: Send) {
    const theirs = await ask(redis.port, protocol, commands, send)
    const ours = await ask(engine.port, protocol, commands, send)
    return differences(commands, theirs, ours)
  }

  for (const { title, commands } of streams) {
    for (const protocol of ['2', '3']) {
      it(`${title}, RESP${protocol}`, async () => {
        judge(title, await compare(protocol, commands, senders.pipelined))
      })
    }
  }

  for (const { title, commands } of streams.filter(({ title }) => title !== 'large values')) {
    it(`${title}, byte by byte`, async () => {
      const whole = await ask(engine.port, '2', commands, senders.pipelined)
      assert.deepEqual(await ask(engine.port, '2', commands, senders['byte by byte']), whole)
    })
  }

  for (const { title, wire } of wires) {
    it(`${title}, as bytes`, async () => {
      const [theirs, ours] = [await tell(redis.port, wire), await tell(engine.port, wire)]
      judge(title, differences([[title]], [theirs], [ours]))
    })
  }

  for (const { title, wire } of strangeWires) {
    it(`${title} before authentication, as bytes`, async () => {
      assert.equal(await tell(guardedEngine.port, wire), await tell(guardedRedis.port, wire))
    })
  }

  for (const { title, commands } of strangers) {
    it(`${title}, with a password`, async () => {
      const answers: string[][] = []
      for (const { port } of [guardedRedis, guardedEngine]) {
        const client = await RespClient.connect(port)
        client.write(commands.map(encodeRequest).join(''))
        const replies = await client.replies(commands.length)
        answers.push(replies.map(withoutVariables))
        client.close()
      }
      judge(title, differences(commands, answers[0] ?? [], answers[1] ?? []))
    })
  }

  for (const protocol of ['2', '3']) {
    it(`random streams, RESP${protocol}, MINIREDIS_SEED=${seed}`, async () => {
      const random = seededRandom(seed)
      for (let round = 0; round < 20; round++) {
        const commands = randomStream(random, 300)
        assert.deepEqual(await compare(protocol, commands, senders.pipelined), [])
      }
    })
  }

  it(`random streams in random pieces, MINIREDIS_SEED=${seed}`, async () => {
    const [, , randomly] = cuts(seed)
    const random = seededRandom(seed + 1)
    const inPieces: Send = async (client, wire) => {
      for (const piece of randomly.apply(wire)) {
        client.write(piece)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    for (let round = 0; round < 5; round++) {
      assert.deepEqual(await compare('2', randomStream(random, 300), inPieces), [])
    }
  })
})
