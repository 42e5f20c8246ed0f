/** Bytes that are not what was written: found, named, and nothing wrong served. */
import assert from 'node:assert/strict'
import { FaultyDisk } from '../testing/faulty-disk.ts'
import { LOG_DIRECTORY, LogRun, type Told } from '../testing/log-run.ts'
import { seededRandom } from '../testing/random.ts'
import type { LogPosition, LogShard, RecoveryReport } from './log.ts'
import { shardKey } from './record.ts'
import { segmentName } from './segment-header.ts'

const SEED = 4711
const LIMITS = { segmentBytesMax: 4000 }
const random = seededRandom(SEED)
const path = (number: number): string => `${LOG_DIRECTORY}/${segmentName(number)}`

interface Written {
  readonly disk: FaultyDisk
  readonly told: Told
}

function tell(run: LogRun, told: Told, shard: LogShard, text: string): void {
  const bytes = Buffer.from(text)
  run.log.append(shard, 0, 1, bytes, 0, bytes.length)
  run.log.flush()
  told.set(shard.key, [...(told.get(shard.key) ?? []), text])
}

/** Five segments or so of a busy shard and one that speaks in every segment but the third. */
async function write(): Promise<Written> {
  const disk = new FaultyDisk(random)
  const told: Told = new Map()
  const run = new LogRun(disk, random, LIMITS)
  await run.recover()
  const busy = run.log.shard('busy', 0)
  const quiet = run.log.shard('quiet', 0)
  for (const shard of [busy, quiet]) {
    run.log.begin(shard, 1)
    shard.fsync = 'always'
  }
  for (let index = 0; index < 60; index++) {
    tell(run, told, busy, `busy ${index} ${'b'.repeat(100)}`)
    const isInThird = run.log.stats().segments === 3
    if (index % 5 === 0 && !isInThird) tell(run, told, quiet, `quiet ${index}`)
  }
  await run.log.close()
  return { disk, told }
}

async function recover(disk: FaultyDisk, snapshots?: ReadonlyMap<string, LogPosition>) {
  const run = new LogRun(disk, random, LIMITS)
  return { run, report: await run.recover(snapshots) }
}

/** What was handed out is the beginning of what was told; all of it unless damage says otherwise. */
function assertHonest(run: LogRun, report: RecoveryReport, told: Told): void {
  for (const [key, texts] of told) {
    const recovered = run.recovered.get(key) ?? []
    assert.deepEqual(recovered, texts.slice(0, recovered.length), key)
    const isWhole = recovered.length === texts.length
    // The last segment's end may have been torn for all that anybody knows.
    if (report.tornTail !== undefined) continue
    assert.ok(isWhole || report.damageOf(key) !== undefined, `${key} lost records unnoticed`)
  }
  for (const key of run.recovered.keys()) assert.ok(told.has(key))
}

const flip = (disk: FaultyDisk, file: string, at: number): void => {
  const bytes = disk.get(file)
  bytes[at] ^= 1 << random(8)
  disk.put(file, bytes)
}

const busy = shardKey('busy', 0)
const quiet = shardKey('quiet', 0)

describe('a damaged log', () => {
  it(`with any bit flipped is recognised (seed ${SEED})`, async () => {
    const { disk: whole, told } = await write()
    for (let count = 0; count < 600; count++) {
      // Everything is synced: what a power loss leaves is a copy.
      const disk = whole.afterPowerLoss()
      const files = disk.paths().filter((name) => name.endsWith('.seg'))
      const file = files[random(files.length)]
      flip(disk, file, random(disk.get(file).length))
      const { run, report } = await recover(disk)
      assertHonest(run, report, told)
      const isNamed =
        report.damages.some((damage) => damage.file === file) || report.tornTail?.file === file
      // A mark is only a proof for recovery: without it nothing is lost but that proof.
      assert.ok(isNamed || report.damages.length === 0)
    }
  })

  it('names file, offset and the shards that lost records, and clears the others', async () => {
    const { disk, told } = await write()
    flip(disk, path(3), 1000)
    const { run, report } = await recover(disk)
    assertHonest(run, report, told)
    const [damage] = report.damages
    assert.equal(damage.file, path(3))
    assert.ok(damage.position > 64 && damage.position <= 1000)
    assert.equal(damage.reason, 'a record with a wrong checksum')
    assert.deepEqual(damage.shards, [busy])
    assert.equal(report.damageOf(busy)?.file, path(3))
    assert.equal(report.damageOf(quiet), undefined)
    assert.equal(report.damageOf(shardKey('nobody', 0)), undefined)
    assert.deepEqual(run.recovered.get(quiet), told.get(quiet))
  })

  it('goes on with the shards that are whole, and finds the damage again', async () => {
    const { disk, told } = await write()
    flip(disk, path(3), 1000)
    const first = await recover(disk)
    const shard = first.run.log.shard('quiet', 0)
    tell(first.run, told, shard, 'after the damage')
    await first.run.log.close()
    const { run, report } = await recover(disk)
    assert.deepEqual(run.recovered.get(quiet), told.get(quiet))
    assert.equal(report.damageOf(quiet), undefined)
    assert.notEqual(report.damageOf(busy), undefined)
  })

  it('does not matter to a shard whose snapshot covers it', async () => {
    const { disk, told } = await write()
    const { report: whole } = await recover(disk)
    flip(disk, path(3), 1000)
    const position = whole.position(busy)
    assert.ok(position !== undefined)
    const { run, report } = await recover(disk, new Map([[busy, position]]))
    assert.equal(report.damageOf(busy), undefined)
    assert.deepEqual(run.recovered.get(quiet), told.get(quiet))
  })

  it('truncated anywhere is a torn tail in the last segment and damage in any other', async () => {
    const { disk: whole, told } = await write()
    for (let count = 0; count < 200; count++) {
      const disk = whole.afterPowerLoss()
      const files = disk.paths().filter((name) => name.endsWith('.seg'))
      const index = random(files.length)
      const bytes = disk.get(files[index])
      disk.put(files[index], bytes.subarray(0, random(bytes.length)))
      const { run, report } = await recover(disk)
      assertHonestOrTruncated(run, report, told)
      if (index < files.length - 1) assert.notEqual(report.damages.length, 0)
    }
  })

  const assertHonestOrTruncated = (run: LogRun, report: RecoveryReport, told: Told): void => {
    // A last segment cut between two records looks as if nothing had followed.
    if (report.damages.length > 0) assertHonest(run, report, told)
    for (const [key, texts] of run.recovered) {
      assert.deepEqual(texts, told.get(key)?.slice(0, texts.length))
    }
  }

  it('without one of its segments is damaged there', async () => {
    const { disk, told } = await write()
    disk.remove(path(3))
    const { run, report } = await recover(disk)
    assertHonest(run, report, told)
    assert.match(report.damages[0].reason, /1 segments before it are missing/)
    assert.notEqual(report.damageOf(busy), undefined)
    assert.equal(report.damageOf(quiet), undefined)
  })

  it('with two segments swapped is recognised', async () => {
    const { disk, told } = await write()
    const [second, third] = [disk.get(path(2)), disk.get(path(3))]
    disk.put(path(2), third)
    disk.put(path(3), second)
    const { run, report } = await recover(disk)
    assertHonest(run, report, told)
    assert.equal(report.damages[0].reason, 'segment 3 under the name of segment 2')
  })

  it('with a copy of a segment at its end is recognised', async () => {
    const { disk, told } = await write()
    disk.put(path(9), disk.get(path(2)))
    const { run, report } = await recover(disk)
    assertHonest(run, report, told)
    assert.ok(report.damages.some(({ reason }) => reason.includes('under the name of segment 9')))
  })

  it('with a segment of another log is recognised', async () => {
    const { disk, told } = await write()
    const foreign = await write()
    disk.put(path(2), foreign.disk.get(path(2)))
    const { run, report } = await recover(disk)
    assertHonest(run, report, told)
    assert.equal(report.damages[0].reason, 'a segment of another log')
  })

  it('with a segment of another version is not read', async () => {
    const { disk, told } = await write()
    const bytes = disk.get(path(2))
    bytes.writeUInt32LE(99, 8)
    disk.put(path(2), bytes)
    const { run, report } = await recover(disk)
    assertHonest(run, report, told)
    assert.match(report.damages[0].reason, /log version 99, this program reads 1/)
  })

  it('with a segment of another history under the right name is trusted in nothing', async () => {
    const { disk } = await write()
    const twin = new FaultyDisk(random)
    for (const name of disk.paths().slice(0, 2)) twin.put(name, disk.get(name))
    const { run } = await recover(twin)
    for (let count = 0; count < 100; count++)
      tell(run, new Map(), run.log.shard('busy', 0), 'other')
    await run.log.close()
    disk.put(path(3), twin.get(path(3)))
    const { report } = await recover(disk)
    assert.notEqual(report.damageOf(busy), undefined)
    assert.notEqual(report.damageOf(quiet), undefined)
  })

  it('that cannot be read in one place is damaged there', async () => {
    const { disk, told } = await write()
    disk.fail({ operation: 'read', code: 'EIO', path: segmentName(2), after: 1 })
    const { run, report } = await recover(disk)
    assertHonest(run, report, told)
    assert.match(report.damages[0].reason, /reading failed: EIO/)
  })

  it('cannot make recovery take more memory than its files have bytes', async () => {
    const { disk } = await write()
    const bytes = disk.get(path(2))
    bytes.writeUInt32LE(0x3fff_ffff, 64)
    disk.put(path(2), bytes)
    const before = process.memoryUsage().arrayBuffers
    const { report } = await recover(disk)
    assert.equal(report.damages.length, 1)
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024)
  })
})
