/** Disks that are full or refuse, and shards that are deleted. */
import assert from 'node:assert/strict'
import { FaultyDisk } from '../testing/faulty-disk.ts'
import { LOG_DIRECTORY, LogRun } from '../testing/log-run.ts'
import { seededRandom } from '../testing/random.ts'
import { PENDING_BYTES_HIGH, SPACE_RETRY_MS } from './limits.ts'
import type { FsyncPolicy, LogShard } from './log.ts'
import { RESERVE_NAME } from './reserve.ts'
import { segmentName } from './segment-header.ts'
import type { WriterConfiguration } from './writer-messages.ts'

const random = seededRandom(99)
const RESERVE_BYTES = 8192

async function start(disk: FaultyDisk, limits: Partial<WriterConfiguration> = {}): Promise<LogRun> {
  const run = new LogRun(disk, random, { segmentBytesMax: 4000, ...limits })
  await run.recover()
  return run
}

function shardOf(run: LogRun, tenant: string, fsync: FsyncPolicy = 'always'): LogShard {
  const shard = run.log.shard(tenant, 0)
  if (shard.epoch === 0) run.log.begin(shard, 1)
  shard.fsync = fsync
  return shard
}

function tell(run: LogRun, shard: LogShard, text: string): number {
  const sequence = run.log.append(shard, 0, 1, Buffer.from(text), 0, text.length)
  run.log.flush()
  return sequence
}

const seal = (run: LogRun, shard: LogShard): void => {
  const before = run.log.stats().segments
  while (run.log.stats().segments === before) tell(run, shard, 'f'.repeat(500))
}

const restarted = async (disk: FaultyDisk): Promise<LogRun> => start(disk.afterPowerLoss())

describe('a full disk', () => {
  it('still takes what was accepted, refuses more, and recovers with the space', async () => {
    const disk = new FaultyDisk(random)
    const run = await start(disk, { reserveBytes: RESERVE_BYTES })
    const shard = shardOf(run, 'a')
    disk.capacityBytes = disk.usedBytes() + 1000
    let last = 0
    while (run.log.state.kind === 'open') last = tell(run, shard, 'x'.repeat(300))
    assert.equal(run.log.state.kind, 'full')
    assert.equal(run.log.syncedSequence, last)
    assert.ok(!disk.paths().includes(`${LOG_DIRECTORY}/${RESERVE_NAME}`))
    assert.throws(() => tell(run, shard, 'refused'), /the log is full/)
    run.pass(SPACE_RETRY_MS)
    assert.equal(run.log.state.kind, 'full')

    disk.capacityBytes = Number.POSITIVE_INFINITY
    run.pass(SPACE_RETRY_MS)
    assert.equal(run.log.state.kind, 'open')
    tell(run, shard, 'taken')
    const again = await restarted(disk)
    assert.equal(again.recovered.get(shard.key)?.length, last + 1)
    assert.equal(again.recovered.get(shard.key)?.at(-1), 'taken')
  })

  it('without a reserve keeps what was accepted until there is space, in every rotation', async () => {
    for (let room = 0; room < 600; room += 7) {
      const disk = new FaultyDisk(random)
      const run = await start(disk, { segmentBytesMax: 600 })
      const shard = shardOf(run, 'a')
      tell(run, shard, 'first')
      disk.capacityBytes = disk.usedBytes() + room
      let last = 0
      while (run.log.state.kind === 'open') last = tell(run, shard, 'x'.repeat(100))
      assert.ok(run.log.syncedSequence < last)
      assert.equal(run.log.stats().pendingBytes, 156)
      assert.deepEqual((await restarted(disk)).recovered.size, 1)
      disk.capacityBytes = Number.POSITIVE_INFINITY
      run.pass(SPACE_RETRY_MS)
      assert.equal(run.log.state.kind, 'open')
      assert.equal(run.log.syncedSequence, last)
      const again = await restarted(disk)
      assert.equal(again.recovered.get(shard.key)?.length, last)
    }
  })

  it('at the start is said at once', async () => {
    const disk = new FaultyDisk(random)
    disk.capacityBytes = RESERVE_BYTES / 2
    const run = await start(disk, { reserveBytes: RESERVE_BYTES })
    assert.equal(run.log.state.kind, 'full')
    assert.equal(disk.usedBytes(), 0)
  })
})

describe('a disk that fails', () => {
  const failures = [
    ['a write', { operation: 'write', code: 'EIO' }],
    ['a sync', { operation: 'sync', code: 'EIO' }],
    ['a sync without space', { operation: 'sync', code: 'ENOSPC' }],
    ['making a segment', { operation: 'open', code: 'EACCES' }],
    ['a name', { operation: 'syncDirectory', code: 'EIO' }],
  ] as const

  for (const [title, fault] of failures) {
    it(`in ${title} is final: nothing more is promised`, async () => {
      const disk = new FaultyDisk(random)
      const run = await start(disk)
      const shard = shardOf(run, 'a')
      const kept = tell(run, shard, 'kept')
      disk.fail(fault)
      while (run.log.state.kind === 'open') tell(run, shard, 'x'.repeat(300))
      assert.equal(run.log.state.kind, 'failed')
      assert.match(run.log.state.kind === 'failed' ? run.log.state.reason : '', /simulated/)
      const promised = run.log.syncedSequence
      assert.ok(promised >= kept)
      run.pass(60_000)
      assert.equal(run.log.syncedSequence, promised)
      assert.throws(() => tell(run, shard, 'refused'), /the log is failed/)
      await run.log.close()
      const again = await restarted(disk)
      assert.ok((again.recovered.get(shard.key)?.length ?? 0) >= promised - 1)
    })
  }

  it('makes recovery write what it read, since reads may show what a failed sync dropped', async () => {
    const disk = new FaultyDisk(random)
    const run = await start(disk)
    const shard = shardOf(run, 'a')
    tell(run, shard, 'kept')
    disk.fail({ operation: 'sync', code: 'EIO' })
    tell(run, shard, 'dropped by the disk, still shown by reads')
    const next = await start(disk)
    const shown = next.recovered.get(shard.key)
    assert.equal(shown?.length, 2)
    for (let count = 0; count < 20; count++) {
      assert.deepEqual((await restarted(disk)).recovered.get(shard.key), shown)
    }
  })

  it('at the start leaves a log that can be read', async () => {
    const disk = new FaultyDisk(random)
    const run = await start(disk)
    tell(run, shardOf(run, 'a'), 'kept')
    disk.fail({ operation: 'syncDirectory', code: 'EIO' })
    const again = await start(disk)
    assert.equal(again.log.state.kind, 'failed')
    assert.equal(again.recovered.size, 1)
  })
})

describe('segments', () => {
  it('go when snapshots cover every shard in them, oldest first', async () => {
    const disk = new FaultyDisk(random)
    const run = await start(disk)
    const quiet = shardOf(run, 'quiet')
    const busy = shardOf(run, 'busy')
    tell(run, quiet, 'pins the first segment')
    for (let count = 0; count < 3; count++) seal(run, busy)
    run.log.retain(busy.key, { epoch: busy.epoch, offset: busy.offset })
    run.pass(100)
    assert.equal(run.log.stats().segments, 4)
    assert.equal(run.log.stats().oldestPinnedBy, quiet.key)
    run.log.retain(quiet.key, { epoch: quiet.epoch, offset: quiet.offset })
    run.pass(100)
    assert.equal(run.log.stats().segments, 1)
    assert.equal(run.log.stats().oldestPinnedBy, undefined)
  })

  it('are rewritten without deleted shards, whose bytes are gone within minutes', async () => {
    const disk = new FaultyDisk(random)
    const run = await start(disk, { erasureDelayMs: 60_000 })
    const gone = shardOf(run, 'gone')
    const stays = shardOf(run, 'stays')
    for (let count = 0; count < 3; count++) {
      tell(run, gone, 'secret')
      seal(run, stays)
    }
    run.log.forget(gone.key)
    run.log.flush()
    assert.throws(() => tell(run, gone, 'too late'), /is deleted/)
    run.pass(59_000)
    assert.equal(run.log.stats().erasuresPending, 1)
    run.pass(2000)
    assert.equal(run.log.stats().erasuresPending, 0)
    assert.ok(run.log.stats().erasedBytes > 0)
    for (const path of disk.paths()) assert.ok(!disk.get(path).includes('secret'), path)
    const again = await restarted(disk)
    assert.deepEqual([...again.recovered.keys()], [stays.key])
  })

  it('are rewritten after a restart too, when the deletion was not yet done', async () => {
    const disk = new FaultyDisk(random)
    const run = await start(disk, { erasureDelayMs: 60_000 })
    tell(run, shardOf(run, 'gone'), 'secret')
    run.log.forget(shardOf(run, 'gone').key)
    run.log.flush()
    const survivor = disk.afterPowerLoss()
    const again = await start(survivor, { erasureDelayMs: 60_000 })
    assert.equal(again.recovered.size, 0)
    assert.equal(again.log.stats().erasuresPending, 1)
    again.pass(61_000)
    assert.equal(again.log.stats().erasuresPending, 0)
    for (const path of survivor.paths()) assert.ok(!survivor.get(path).includes('secret'))
  })

  it('that are damaged are not rewritten', async () => {
    const disk = new FaultyDisk(random)
    const run = await start(disk, { erasureDelayMs: 0 })
    const gone = shardOf(run, 'gone')
    tell(run, gone, 'secret')
    seal(run, shardOf(run, 'stays'))
    const path = `${LOG_DIRECTORY}/${segmentName(1)}`
    const bytes = disk.get(path)
    bytes[200] ^= 1
    disk.put(path, bytes)
    run.log.forget(gone.key)
    run.log.flush()
    run.pass(1000)
    assert.deepEqual(disk.get(path), bytes)
    assert.equal(run.log.stats().erasuresPending, 1)
    assert.equal(run.log.state.kind, 'open')
  })

  it('take a deleted shard again, from a later epoch on', async () => {
    const disk = new FaultyDisk(random)
    const run = await start(disk)
    const shard = shardOf(run, 'a')
    tell(run, shard, 'first life')
    run.log.forget(shard.key)
    assert.throws(() => run.log.begin(shard, 1), /comes after epoch 1/)
    run.log.begin(shard, 2)
    tell(run, shard, 'second life')
    assert.deepEqual((await restarted(disk)).recovered.get(shard.key), ['second life'])
  })
})

describe('pending records', () => {
  it('beyond the limit make the log congested until they are written', async () => {
    const disk = new FaultyDisk(random)
    const run = await start(disk, { segmentBytesMax: PENDING_BYTES_HIGH })
    const shard = shardOf(run, 'a', 'no')
    tell(run, shard, 'first')
    disk.capacityBytes = disk.usedBytes()
    run.log.append(shard, 0, 1, Buffer.alloc(PENDING_BYTES_HIGH), 0, PENDING_BYTES_HIGH)
    assert.equal(run.log.isCongested, true)
    run.log.flush()
    disk.capacityBytes = Number.POSITIVE_INFINITY
    run.pass(SPACE_RETRY_MS)
    assert.equal(run.log.isCongested, false)
  })
})
