/** The log over a real disk, its writer in its own thread. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NodeDisk } from '../node-disk.ts'
import type { Log, RecoveryReport } from './log.ts'
import { openLog } from './open-log.ts'
import { startWriterThread } from './writer-thread.ts'

const PROGRAM = new URL('../../log-worker-main.ts', import.meta.url)
const TENANT = '3f0c1b52-0c8e-4f5e-9a55-0d6f2f1c9a01'

describe('the writer in its thread', () => {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'log-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  const open = (): Log =>
    openLog({
      disk: new NodeDisk(),
      directory: join(directory, 'data', 'log'),
      writer: startWriterThread(PROGRAM),
      nowMs: Date.now,
      monotonicMs: () => performance.now(),
      limits: { reserveBytes: 1024 * 1024, segmentBytesMax: 256 * 1024 },
    })

  const recover = async (log: Log): Promise<[RecoveryReport, string[]]> => {
    const texts: string[] = []
    const report = await log.recover({
      snapshots: new Map(),
      apply: ({ buffer, start, end }) => texts.push(buffer.toString('latin1', start, end)),
      restart: () => assert.fail('nothing starts anew'),
    })
    return [report, texts]
  }

  const whenSynced = async (log: Log, sequence: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    log.onChange(() => {
      if (log.syncedSequence >= sequence) resolve()
    })
    await promise
  }

  it('keeps thousands of records, larger ones than a chunk among them', async () => {
    const log = open()
    await recover(log)
    const shard = log.shard(TENANT, 0)
    log.begin(shard, 1)
    shard.fsync = 'always'
    const told: string[] = []
    for (let index = 0; index < 3000; index++) {
      told.push(`${index}:${'x'.repeat(index % 1000 === 999 ? 700_000 : index % 300)}`)
      const bytes = Buffer.from(told[index])
      log.append(shard, 3, Date.now(), bytes, 0, bytes.length)
    }
    await whenSynced(log, shard.lastSequence)
    await log.close()

    const again = open()
    const [report, texts] = await recover(again)
    assert.deepEqual(texts, told)
    assert.deepEqual(report.damages, [])
    assert.deepEqual(report.position(shard.key), { epoch: 1, offset: shard.offset })
    assert.ok(report.segments > 1)
    await again.close()
  })

  it('writes what was appended last before it closes', async () => {
    const log = open()
    await recover(log)
    const shard = log.shard(TENANT, 0)
    log.begin(shard, 1)
    shard.fsync = 'no'
    log.append(shard, 0, Date.now(), Buffer.from('last words'), 0, 10)
    await log.close()
    assert.equal(log.state.kind, 'closed')
    const again = open()
    assert.deepEqual((await recover(again))[1], ['last words'])
    await again.close()
  })

  it('syncs within a second when nobody waits', async () => {
    const log = open()
    await recover(log)
    const shard = log.shard(TENANT, 0)
    log.begin(shard, 1)
    const sequence = log.append(shard, 0, Date.now(), Buffer.from('soon'), 0, 4)
    await whenSynced(log, sequence)
    assert.equal(log.stats().syncs, 1)
    await log.close()
  })

  it('says that the log failed when its thread cannot run', async () => {
    const log = openLog({
      disk: new NodeDisk(),
      directory: join(directory, 'log'),
      writer: startWriterThread(new URL('./no-such-program.ts', import.meta.url)),
      nowMs: Date.now,
      monotonicMs: () => performance.now(),
    })
    await recover(log)
    assert.equal(log.state.kind, 'failed')
    await log.close()
  })
})
