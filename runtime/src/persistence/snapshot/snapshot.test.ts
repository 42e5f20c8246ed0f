import assert from 'node:assert/strict'
import { CommandRunner } from '../../commands/testing/command-runner.ts'
import { seedForTests } from '../../protocol/testing/cuts.ts'
import { bytesOf, file as rdbFile } from '../rdb/testing/rdb-bytes.ts'
import { FaultyDisk } from '../testing/faulty-disk.ts'
import { seededRandom } from '../testing/random.ts'
import { type LoadOptions, type LoadResult, loadSnapshot, SnapshotError } from './load-snapshot.ts'
import type { Slices } from './slices.ts'
import { type Snapshot, startSnapshot, UNFINISHED_SUFFIX } from './snapshot.ts'
import { type DataSet, dataIn } from './testing/data-sets.ts'

const DATABASES = 3
const path = 'snapshots/shard.rdb'
const aux = { 'miniredis-tenant': 'team', 'miniredis-epoch': '7' }
const seed = seedForTests()

/** Slices of so many looks at the clock; `meanwhile` runs between them. */
function slicesOf(looks: number, meanwhile: () => void = () => {}): Slices {
  let left = looks
  return {
    begin: () => {
      left = looks
    },
    isOver: () => left-- <= 0,
    pause: async () => meanwhile(),
  }
}

const brief = slicesOf(2)

function dataOf({ tenant }: CommandRunner): Record<number, DataSet> {
  const filled = [...tenant.databases()].filter(([, db]) => db.size > 0)
  return Object.fromEntries(filled.map(([index, db]) => [index, dataIn(db)]))
}

function filled(keys: number, text = 'value'): CommandRunner {
  const runner = new CommandRunner(2)
  for (let at = 0; at < keys; at++) {
    runner.databaseIndex = at % DATABASES
    runner.run('set', `key:${at}`, text.repeat(at % 40), 'px', String(1000 + at))
    runner.run('set', `n:${at}`, String(at * 1_000_003))
  }
  runner.databaseIndex = 1
  runner.run('set', 'long', text.repeat(60_000))
  return runner
}

const start = (disk: FaultyDisk, { tenant }: CommandRunner): Snapshot =>
  startSnapshot({ disk, path, aux, databases: tenant.databases() })

async function load(
  disk: FaultyDisk,
  options: Partial<LoadOptions> = {},
): Promise<{ readonly runner: CommandRunner; readonly result: LoadResult }> {
  const runner = new CommandRunner(2)
  const database = (index: number) =>
    index < DATABASES ? runner.tenant.database(index) : undefined
  try {
    const result = await loadSnapshot({ disk, path, database, slices: brief, ...options })
    return { runner, result }
  } catch (error) {
    assert.deepEqual(dataOf(runner), {}, 'what was loaded stays')
    throw error
  }
}

const newDisk = (): FaultyDisk => new FaultyDisk(seededRandom(seed))

describe('snapshot file', () => {
  it('brings back the moment of its start', async () => {
    const disk = newDisk()
    const runner = filled(3000)
    const before = dataOf(runner)
    let changes = 0
    const meanwhile = () => {
      for (let count = 0; count < 20; count++) runner.run('set', `key:${changes++}`, 'changed')
    }
    const written = await start(disk, runner).run(slicesOf(2, meanwhile))
    assert.ok(changes > 0)
    assert.deepEqual(written, { path, keys: 6001, bytes: disk.get(path).length })
    assert.deepEqual(disk.paths(), [path])
    const { runner: loaded, result } = await load(disk, { expectedAux: aux })
    assert.deepEqual(dataOf(loaded), before)
    const { bytes } = written
    assert.deepEqual(result, { version: 10, aux, keys: 6001, expiredKeys: 0, bytes })
  })

  it('of nothing is a file too', async () => {
    const disk = newDisk()
    await start(disk, new CommandRunner(2)).run(brief)
    assert.equal((await load(disk, { expectedAux: aux })).result.keys, 0)
  })

  it('leaves out what is expired, if so wished', async () => {
    const disk = newDisk()
    const runner = filled(300)
    await start(disk, runner).run(brief)
    const { result } = await load(disk, { dropExpiredAtMs: runner.nowMs + 1099 })
    assert.deepEqual([result.keys, result.expiredKeys], [501, 100])
  })

  const faults = [
    { operation: 'open', code: 'EACCES' },
    { operation: 'write', code: 'ENOSPC' },
    { operation: 'write', code: 'EIO', after: 1 },
    { operation: 'sync', code: 'EIO' },
    { operation: 'name', code: 'EIO' },
  ] as const
  for (const fault of faults) {
    it(`that meets ${fault.code} on ${fault.operation} leaves no file and spoils nothing`, async () => {
      const disk = newDisk()
      const runner = filled(3000)
      disk.fail(fault)
      const meanwhile = () => {
        runner.run('append', 'long', 'x')
      }
      const failing = start(disk, runner).run(slicesOf(20, meanwhile))
      await assert.rejects(failing, { code: fault.code })
      assert.deepEqual(disk.paths(), [])
      const before = dataOf(runner)
      await start(disk, runner).run(slicesOf(20, meanwhile))
      assert.deepEqual(dataOf((await load(disk)).runner), before)
    })
  }

  it('gets on even if every slice is over as it begins', async () => {
    const disk = newDisk()
    const runner = filled(100)
    disk.fail({ operation: 'write', code: 'EIO' })
    await assert.rejects(start(disk, runner).run(slicesOf(0)), { code: 'EIO' })
    await start(disk, runner).run(slicesOf(0))
    const { runner: loaded } = await load(disk, { slices: slicesOf(0) })
    assert.deepEqual(dataOf(loaded), dataOf(runner))
  })

  it('can be abandoned at any time', async () => {
    const disk = newDisk()
    const runner = filled(500)
    for (let pauses = 0; pauses < 10; pauses++) {
      let left = pauses
      const snapshot = start(disk, runner)
      const giveUp = () => {
        if (left-- === 0) snapshot.abandon(new Error('the tenant moved'))
      }
      giveUp()
      await assert.rejects(snapshot.run(slicesOf(1, giveUp)), /the tenant moved/)
      assert.deepEqual(disk.paths(), [])
    }
    const before = dataOf(runner)
    await start(disk, runner).run(brief)
    assert.deepEqual(dataOf((await load(disk)).runner), before)
  })

  it(`is whole or not there when the power fails at any operation, MINIREDIS_SEED=${seed}`, async () => {
    const [older, newer] = [filled(200, 'older'), filled(200, 'newer')]
    const disk = newDisk()
    await start(disk, older).run(brief)
    const survivors: FaultyDisk[] = []
    const crash = () => survivors.push(disk.afterPowerLoss())
    disk.observer = crash
    await start(disk, newer).run(brief)
    crash()
    const isNewer: boolean[] = []
    for (const survivor of survivors) {
      const others = survivor.paths().filter((name) => name !== path)
      assert.ok(others.every((name) => name.endsWith(UNFINISHED_SUFFIX)))
      const data = dataOf((await load(survivor, { expectedAux: aux })).runner)
      isNewer.push(data[1]?.get('long')?.startsWith('newer') === true)
      assert.deepEqual(data, dataOf(isNewer.at(-1) === true ? newer : older))
    }
    assert.ok(survivors.length > 5)
    assert.deepEqual([isNewer[0], isNewer.at(-1)], [false, true])
  })
})

describe('a snapshot file that is not right', () => {
  const refuse = async (bytes: Buffer, message: RegExp, options: Partial<LoadOptions> = {}) => {
    const disk = newDisk()
    disk.put(path, bytes)
    await assert.rejects(load(disk, options), (error: unknown) => {
      assert.ok(error instanceof SnapshotError, String(error))
      assert.match(error.message, message)
      assert.ok(error.message.startsWith(`${path}: `))
      return true
    })
  }

  it('is refused when cut at any byte, or with any byte damaged', async () => {
    const disk = newDisk()
    const runner = new CommandRunner(2)
    for (let at = 0; at < 10; at++) runner.run('set', `key:${at}`, 'value', 'px', '10')
    await start(disk, runner).run(brief)
    const whole = disk.get(path)
    for (let at = 0; at < whole.length; at++) {
      await refuse(whole.subarray(0, at), new RegExp(`the file ends in the middle at offset ${at}`))
      const damaged = Buffer.from(whole)
      damaged[at] ^= 0x41
      await refuse(damaged, / at offset \d+$/)
    }
  })

  it('is refused when it is of another shard', async () => {
    const disk = newDisk()
    await start(disk, filled(10)).run(brief)
    const expectedAux = { ...aux, 'miniredis-epoch': '8' }
    await refuse(disk.get(path), /field miniredis-epoch is 7 where 8 belongs/, { expectedAux })
    await refuse(rdbFile(), /field miniredis-tenant is missing where team belongs/, { expectedAux })
  })

  it('is refused when it lacks the checksum that ours have', async () => {
    const fields = [0xfa, 1, 'a', 1, 'b']
    const bytes = bytesOf('REDIS0010', ...fields, 0xff, '\0'.repeat(8))
    await refuse(bytes, /no checksum/, { expectedAux: { a: 'b' } })
  })

  it('is refused when it names a database that is not, or a key twice', async () => {
    await refuse(rdbFile(0xfe, 3, 0, 1, 'k', 1, 'v'), /no database 3.* offset 9$/)
    await refuse(rdbFile(0, 1, 'k', 1, 'v', 0, 1, 'k', 1, 'w'), /the same key twice at offset 14$/)
  })

  it('has too many aux fields without harm', async () => {
    const disk = newDisk()
    const fields = Array.from({ length: 100 }, (_, at) => [0xfa, INT8, at, 1, 'x']).flat()
    disk.put(
      path,
      rdbFile(...fields, 0xfa, 9, '__proto__', 1, 'x', 0xfa, 0x48, 0, 'n'.repeat(2048), 0),
    )
    const { result } = await load(disk)
    assert.equal(Object.keys(result.aux).length, 64)
  })

  it('is an error of the disk when it cannot be read', async () => {
    await assert.rejects(load(newDisk()), { code: 'ENOENT' })
    const disk = newDisk()
    disk.put(path, rdbFile(0, 1, 'k', 1, 'v'))
    disk.fail({ operation: 'read', code: 'EIO' })
    await assert.rejects(load(disk), { code: 'EIO' })
  })
})

const INT8 = 0xc0
