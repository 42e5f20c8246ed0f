import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { shardKey } from '@miniredis/crds'
import fc from 'fast-check'
import { silentLogger } from '../telemetry/logger.ts'
import type { Change } from './assignment-book.ts'
import { AssignmentStore } from './assignment-store.ts'
import { exitCodes, StartError } from './exit-codes.ts'
import { JournalFile, type JournalStorage } from './journal-file.ts'
import { JOURNAL_QUEUE_MAX, JOURNAL_REWRITE_BYTES_MIN } from './limits.ts'
import { assignmentOf } from './testing/assignments.ts'

const assign = (tenantUid: string, changes = {}): Change => ({
  kind: 'assign',
  assignment: assignmentOf(tenantUid, changes),
})
const unassign = (tenantUid: string, epoch: number): Change => ({
  kind: 'unassign',
  tenantUid,
  shard: 0,
  epoch,
})

/** A disk in memory that counts its syncs and fails when told to. */
class MemoryStorage implements JournalStorage {
  bytes: Buffer | undefined
  syncs = 0
  failure: Error | undefined

  async read(): Promise<Buffer | undefined> {
    return this.bytes
  }
  async append(bytes: Buffer): Promise<void> {
    this.#sync()
    this.bytes = Buffer.concat([this.bytes ?? Buffer.alloc(0), bytes])
  }
  async replace(bytes: Buffer): Promise<void> {
    this.#sync()
    this.bytes = bytes
  }
  async close(): Promise<void> {}

  #sync(): void {
    this.syncs++
    if (this.failure !== undefined) throw this.failure
  }
}

const open = (storage: JournalStorage, path = 'journal') =>
  AssignmentStore.open({ storage, path, logger: silentLogger })

const sorted = ({ book }: AssignmentStore) =>
  book
    .entries()
    .map((entry) => JSON.stringify(entry))
    .sort()

const epochs = ({ book }: AssignmentStore) =>
  Object.fromEntries(book.heldShards().map(({ tenantUid, epoch }) => [tenantUid, epoch]))

describe('the store of assignments', () => {
  let directory = ''
  let path = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'miniredis-store-'))
    path = join(directory, 'data', 'assignments.journal')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const reopen = () => open(new JournalFile(path), path)

  it('gives a new volume a nonce, and keeps it', async () => {
    const store = await reopen()
    await store.close()
    const again = await reopen()
    assert.equal(again.volumeNonce, store.volumeNonce)
    await again.close()
  })

  it('comes back with what was answered: assignments, and epochs of shards given up', async () => {
    const store = await reopen()
    assert.equal(await store.commit(assign('a', { epoch: 3 })), null)
    assert.equal(await store.commit(assign('b', { epoch: 5 })), null)
    assert.equal(await store.commit(unassign('b', 5)), null)
    await store.close()
    const again = await reopen()
    assert.deepEqual(again.book.assignments(), [assignmentOf('a', { epoch: 3 })])
    const refusal = await again.commit(assign('b', { epoch: 5 }))
    assert.deepEqual([refusal?.code, refusal?.epochMin], ['StaleEpoch', 6])
    await again.close()
  })

  it('decides changes of one shard in their order, in one burst too', async () => {
    const store = await reopen()
    const changes = [
      assign('a', { epoch: 2 }),
      unassign('a', 2),
      assign('a', { epoch: 2 }),
      assign('a', { epoch: 3 }),
    ]
    const refusals = await Promise.all(changes.map((change) => store.commit(change)))
    assert.deepEqual(
      refusals.map((refusal) => refusal?.code ?? null),
      [null, null, 'StaleEpoch', null],
    )
    assert.deepEqual(epochs(store), { a: 3 })
    await store.close()
  })

  it('commits a burst of a thousand with a handful of syncs, and tells of each in order', async () => {
    const storage = new MemoryStorage()
    const store = await open(storage)
    const told: string[] = []
    store.onCommitted = (key) => told.push(key)
    const uids = Array.from({ length: 1000 }, (_, index) => `t${index}`)
    const refusals = await Promise.all(uids.map((uid) => store.commit(assign(uid))))
    assert.deepEqual(new Set(refusals), new Set([null]))
    assert.ok(storage.syncs <= 4, `${storage.syncs} syncs`)
    assert.deepEqual(
      told,
      uids.map((tenantUid) => shardKey({ tenantUid, shard: 0 })),
    )
    assert.equal((await open(storage)).book.heldCount, 1000)
  })

  it('counts what the same burst adds towards the limit of tenants', async () => {
    const store = await open(new MemoryStorage())
    const uids = Array.from({ length: 4100 }, (_, index) => `t${index}`)
    const refusals = await Promise.all(uids.map((uid) => store.commit(assign(uid))))
    const refused = refusals.filter((refusal) => refusal?.code === 'TooManyTenants')
    assert.deepEqual([refused.length, store.book.heldCount], [4, 4096])
  })

  it('does not write what is so already', async () => {
    const storage = new MemoryStorage()
    const store = await open(storage)
    await store.commit(assign('a'))
    const { syncs } = storage
    assert.equal(await store.commit(assign('a')), null)
    assert.equal(storage.syncs, syncs)
  })

  it('stays small however often limits change', async () => {
    const storage = new MemoryStorage()
    const store = await open(storage)
    for (let round = 0; round < 60; round++) {
      const changes = Array.from({ length: 100 }, (_, index) =>
        assign(`t${index}`, { connectionsMax: round + 1 }),
      )
      await Promise.all(changes.map((change) => store.commit(change)))
    }
    assert.ok((storage.bytes?.length ?? 0) < 1.2 * JOURNAL_REWRITE_BYTES_MIN)
    assert.equal((await open(storage)).book.assignment('t7/0')?.connectionsMax, 60)
  })

  it('answers nothing that it could not write, and goes on when the disk does', async () => {
    const storage = new MemoryStorage()
    const store = await open(storage)
    await store.commit(assign('a', { epoch: 1 }))
    storage.failure = new Error('ENOSPC: no space left on device')
    const refusal = await store.commit(assign('a', { epoch: 2 }))
    assert.equal(refusal?.code, 'StorageFailed')
    assert.match(refusal?.message ?? '', /ENOSPC/)
    assert.deepEqual(epochs(store), { a: 1 })
    storage.failure = undefined
    assert.equal(await store.commit(assign('b')), null)
    assert.deepEqual(epochs(await open(storage)), { a: 1, b: 1 })
  })

  it('lets a bounded number of changes wait for the disk', async () => {
    const store = await open(new MemoryStorage())
    const waiting = Array.from({ length: JOURNAL_QUEUE_MAX }, () => store.commit(assign('a')))
    assert.equal((await store.commit(assign('b')))?.code, 'StorageFailed')
    assert.equal(await waiting.at(-1), null)
  })

  it('comes back the same after a crash in the middle of any write', async () => {
    const change = fc.record({
      isAssign: fc.boolean(),
      uid: fc.constantFrom('a', 'b', 'c'),
      epoch: fc.integer({ min: 1, max: 6 }),
      cut: fc.double({ min: 0, max: 0.999, noNaN: true }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 20 }), async (changes) => {
        const storage = new MemoryStorage()
        const store = await open(storage)
        for (const { isAssign, uid, epoch, cut } of changes) {
          const before = { bytes: storage.bytes?.length ?? 0, entries: sorted(store) }
          await store.commit(isAssign ? assign(uid, { epoch }) : unassign(uid, epoch))
          const written = (storage.bytes?.length ?? 0) - before.bytes
          const torn = new MemoryStorage()
          torn.bytes = storage.bytes?.subarray(0, before.bytes + Math.floor(written * cut))
          assert.deepEqual(sorted(await open(torn)), before.entries)
        }
        const whole = new MemoryStorage()
        whole.bytes = storage.bytes
        assert.deepEqual(sorted(await open(whole)), sorted(store))
      }),
      { numRuns: 50 },
    )
  })

  it('never lets an epoch go down, whatever is asked', async () => {
    const change = fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 9 }))
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 30 }), async (changes) => {
        const store = await open(new MemoryStorage())
        let highest = 0
        for (const [isAssign, epoch] of changes) {
          const refusal = await store.commit(
            isAssign ? assign('a', { epoch }) : unassign('a', epoch),
          )
          if (refusal !== null) continue
          assert.ok(epoch >= highest, `${epoch} after ${highest}`)
          highest = epoch
        }
      }),
      { numRuns: 50 },
    )
  })

  it('cuts a torn tail and keeps everything before it', async () => {
    const store = await reopen()
    await store.commit(assign('a'))
    await store.close()
    const whole = readFileSync(path)
    await (await reopen()).close()
    appendFileSync(path, whole.subarray(0, 30))
    const again = await reopen()
    assert.deepEqual(epochs(again), { a: 1 })
    await again.close()
  })

  it('refuses a damaged journal, naming file and byte, and leaves it as it is', async () => {
    const store = await reopen()
    await store.commit(assign('a'))
    await store.commit(assign('b'))
    await store.close()
    const bytes = readFileSync(path)
    bytes[50] ^= 1
    writeFileSync(path, bytes)
    await assert.rejects(reopen(), (error) => {
      assert.ok(error instanceof StartError)
      assert.equal(error.exitCode, exitCodes.damagedState)
      assert.ok(error.message.startsWith(`${path}: damaged at byte 0`), error.message)
      return true
    })
    assert.deepEqual(readFileSync(path), bytes)
  })

  it('says when the volume cannot be used', async () => {
    writeFileSync(join(directory, 'data'), 'a file where the directory should be')
    await assert.rejects(reopen(), (error) => {
      assert.ok(error instanceof StartError)
      assert.equal(error.exitCode, exitCodes.unavailable)
      return true
    })
  })
})
