import assert from 'node:assert/strict'
import { FaultyDisk } from '../testing/faulty-disk.ts'
import { LOG_DIRECTORY, LogRun } from '../testing/log-run.ts'
import { seededRandom } from '../testing/random.ts'
import { checkLog, cutTornTail } from './check-log.ts'
import { segmentName } from './segment-header.ts'

const SEGMENT = `${LOG_DIRECTORY}/${segmentName(1)}`
const TENANT = '3f0c1b52-0c8e-4f5e-9a55-0d6f2f1c9a01'
const random = seededRandom(7)

async function write(texts: readonly string[]): Promise<FaultyDisk> {
  const disk = new FaultyDisk(random)
  const run = new LogRun(disk, random)
  await run.recover()
  const shard = run.log.shard(TENANT, 0)
  run.log.begin(shard, 4)
  shard.fsync = 'always'
  for (const text of texts) {
    run.log.append(shard, 0, 1, Buffer.from(text), 0, text.length)
    run.log.flush()
  }
  await run.log.close()
  return disk
}

describe('miniredis-check-log', () => {
  it('says what a whole log holds', async () => {
    const disk = await write(['one', 'two'])
    assert.deepEqual(checkLog(disk, LOG_DIRECTORY).lines, [
      `${SEGMENT}: 238 bytes, 2 records of 1 shards, open`,
      'shard 3f0c1b520c8e4f5e9a550d6f2f1c9a01-0: epoch 4, offset 6',
      'The log is whole.',
    ])
  })

  it('explains a torn tail, and cuts it with the bytes kept beside', async () => {
    const disk = await write(['one', 'two'])
    const whole = disk.get(SEGMENT)
    disk.put(SEGMENT, whole.subarray(0, -2))
    const { lines, tornTail } = checkLog(disk, LOG_DIRECTORY)
    const at = whole.length - 59
    const reason = '57 bytes of a record of 59'
    assert.equal(
      lines.at(-1),
      `Torn tail in ${SEGMENT} at byte ${at}: 57 bytes that were not synced (${reason})`,
    )
    assert.ok(tornTail !== undefined)
    const kept = cutTornTail(disk, LOG_DIRECTORY, tornTail)
    assert.deepEqual(disk.get(kept), whole.subarray(at, -2))
    assert.deepEqual(disk.get(SEGMENT), whole.subarray(0, at))
    assert.equal(checkLog(disk, LOG_DIRECTORY).lines.at(-1), 'The log is whole.')
  })

  it('names damage with its file, byte and shards, and does not call it a tail', async () => {
    const disk = await write(['one', 'two', 'three'])
    const bytes = disk.get(SEGMENT)
    bytes[SEGMENT.length + 90] ^= 1
    disk.put(SEGMENT, bytes)
    const { lines, tornTail, damages } = checkLog(disk, LOG_DIRECTORY)
    assert.equal(tornTail, undefined)
    assert.equal(damages.length, 1)
    assert.match(lines.at(-1) ?? '', /^DAMAGE in .*0001\.seg at byte \d+: a record with a wrong/)
  })

  it('does not ask for what snapshots hold', async () => {
    const disk = await write([])
    const run = new LogRun(disk, random)
    await run.recover()
    const shard = run.log.shard(TENANT, 1)
    run.log.begin(shard, 2, 1000)
    run.log.append(shard, 0, 1, Buffer.from('later'), 0, 5)
    run.log.flush()
    assert.equal(checkLog(disk, LOG_DIRECTORY).lines.at(-1), 'The log is whole.')
  })

  it('finds nothing in an empty directory', () => {
    const { lines } = checkLog(new FaultyDisk(random), LOG_DIRECTORY)
    assert.deepEqual(lines, [`${LOG_DIRECTORY} holds no log.`])
  })
})
