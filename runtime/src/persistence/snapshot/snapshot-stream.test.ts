import assert from 'node:assert/strict'
import { CommandRunner } from '../../commands/testing/command-runner.ts'
import type { Keyspace } from '../../engine/keyspace.ts'
import { seededRandom, seedForTests } from '../../protocol/testing/cuts.ts'
import { RdbDecoder } from '../rdb/rdb-decoder.ts'
import { SnapshotStream } from './snapshot-stream.ts'
import { type DataSet, dataIn } from './testing/data-sets.ts'

const TAKEN_BYTES = 10_000
const DATABASES = 3

type Data = Record<number, DataSet>

const databasesOf = (runner: CommandRunner): (readonly [number, Keyspace])[] => [
  ...runner.tenant.databases(),
]

function dataOf(runner: CommandRunner): Data {
  const filled = databasesOf(runner).filter(([, db]) => db.size > 0)
  return Object.fromEntries(filled.map(([index, db]) => [index, dataIn(db)]))
}

/** What the file says; fails when it says something twice. */
function decode(file: Buffer): Data {
  const data: Record<number, Map<string, string>> = {}
  const decoder = new RdbDecoder()
  decoder.push(file)
  decoder.finish()
  for (;;) {
    const record = decoder.next()
    if (record === 'end') return data
    if (record !== 'entry') continue
    const { key, value, expiresAtMs } = decoder
    const database = data[decoder.databaseIndex] ?? new Map<string, string>()
    data[decoder.databaseIndex] = database
    const name = key.buffer.toString('latin1', key.start, key.end)
    const text = value.buffer.toString('latin1', value.start, value.end)
    assert.ok(!database.has(name), `${name} twice`)
    database.set(name, expiresAtMs < 0 ? text : `${text} @ ${expiresAtMs}`)
  }
}

/** Steps the stream to its end; `meanwhile` runs after each step. */
function write(stream: SnapshotStream, meanwhile: () => void): Buffer {
  const chunks: Buffer[] = []
  for (let isMore = true; isMore; ) {
    isMore = stream.step()
    const chunk = stream.take(TAKEN_BYTES)
    if (chunk !== undefined) chunks.push(chunk)
    meanwhile()
  }
  for (;;) {
    const chunk = stream.take(TAKEN_BYTES)
    if (chunk === undefined) break
    chunks.push(chunk)
    meanwhile()
  }
  stream.close()
  return Buffer.concat([...chunks, stream.checksum()])
}

class Writer {
  readonly runner = new CommandRunner(2)
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  /** One random command on a random database. */
  write(): void {
    const { runner } = this
    runner.databaseIndex = this.below(DATABASES)
    const key = `key:${this.below(500)}`
    const other = `key:${this.below(500)}`
    const choice = this.below(100)
    if (choice < 30) runner.run('set', key, this.#value())
    else if (choice < 40) runner.run('incr', `n:${this.below(100)}`)
    else if (choice < 50) runner.run('append', key, this.#value())
    else if (choice < 60) runner.run('setrange', key, String(this.below(90_000)), 'x')
    else if (choice < 70) runner.run('pexpire', key, String(1 + this.below(20_000)))
    else if (choice < 80) runner.run('persist', key)
    else if (choice < 86) runner.run('del', key)
    else if (choice < 92) runner.run('rename', key, other)
    else if (choice < 98) this.#passTime()
    else if (choice === 98 && this.below(6) === 0) runner.run('flushdb')
    else runner.run('set', key, this.#value(), 'px', String(1 + this.below(5000)))
  }

  #value(): string {
    const length = [0, 5, 30, 300, 9000, 70_000, 200_000][this.below(this.below(20) === 0 ? 7 : 5)]
    return String.fromCharCode(97 + this.below(26)).repeat(length)
  }

  /** Keys expire, and freed memory is used again. */
  #passTime(): void {
    const { runner } = this
    runner.nowMs += this.below(300)
    const db = runner.tenant.database(runner.databaseIndex)
    while (db.expireSome(runner.nowMs, 50)) {}
    db.host.reclaimSome(1000)
  }
}

describe('a snapshot of one moment', () => {
  const seed = seedForTests()

  it(`is what was there at its start, whatever is written meanwhile, MINIREDIS_SEED=${seed}`, () => {
    const random = seededRandom(seed)
    for (let round = 0; round < 4; round++) {
      const writer = new Writer(random)
      for (let count = 0; count < 1500; count++) writer.write()
      for (let snapshot = 0; snapshot < 3; snapshot++) {
        const before = dataOf(writer.runner)
        const stream = new SnapshotStream(databasesOf(writer.runner), {})
        const pace = 1 + writer.below(60)
        const file = write(stream, () => {
          for (let count = 0; count < pace; count++) writer.write()
        })
        assert.deepEqual(decode(file), before)
      }
    }
  })

  it(`that is abandoned does not spoil the next one, MINIREDIS_SEED=${seed}`, () => {
    const writer = new Writer(seededRandom(seed))
    for (let round = 0; round < 10; round++) {
      for (let count = 0; count < 500; count++) writer.write()
      const abandoned = new SnapshotStream(databasesOf(writer.runner), {})
      for (let step = 0; step < writer.below(20); step++) {
        abandoned.step()
        for (let count = 0; count < 10; count++) writer.write()
      }
      abandoned.abandon()
      while (abandoned.step()) for (let count = 0; count < 10; count++) writer.write()
      abandoned.close()
      const before = dataOf(writer.runner)
      const stream = new SnapshotStream(databasesOf(writer.runner), {})
      assert.deepEqual(decode(write(stream, () => writer.write())), before)
    }
  })

  it('gives all memory back that it held', () => {
    const { runner } = new Writer(seededRandom(seed))
    for (let at = 0; at < 2000; at++) runner.run('set', `key:${at}`, 'v'.repeat(at % 100))
    const stream = new SnapshotStream(databasesOf(runner), {})
    stream.step()
    runner.run('flushdb')
    assert.equal(runner.tenant.usedBytes, 0)
    const { host } = runner.tenant.database(0)
    assert.equal(decode(write(stream, () => {}))[0]?.size, 2000)
    while (host.reclaimSome(1000)) {}
    assert.equal(host.arena.usedBytes, 0)
  })

  it('does not copy a long value before it must', () => {
    const { runner } = new Writer(seededRandom(seed))
    const [first, second] = ['a'.repeat(300_000), 'b'.repeat(300_000)]
    runner.run('set', 'first', first)
    runner.run('set', 'second', second)
    const before = dataOf(runner)
    const stream = new SnapshotStream(databasesOf(runner), {})
    while (stream.step()) {}
    runner.run('setrange', 'first', '100000', 'changed in place')
    runner.run('set', 'second', 'replaced')
    const file = write(stream, () => runner.run('append', 'first', 'x'))
    assert.deepEqual(decode(file), before)
  })

  it('refuses to be taken twice at once', () => {
    const { runner } = new Writer(seededRandom(seed))
    runner.run('set', 'key', 'value')
    const stream = new SnapshotStream(databasesOf(runner), {})
    assert.throws(() => new SnapshotStream(databasesOf(runner), {}), /being walked already/)
    assert.throws(() => stream.close(), /before its last step/)
    write(stream, () => {})
    write(new SnapshotStream(databasesOf(runner), {}), () => {})
  })
})
