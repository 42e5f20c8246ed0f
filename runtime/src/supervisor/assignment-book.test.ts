import assert from 'node:assert/strict'
import { TENANTS_PER_MEMBER_MAX } from '@miniredis/crds'
import { AssignmentBook, type Change, type Entry } from './assignment-book.ts'
import { encodeJournalFrame } from './journal-frames.ts'
import { FENCES_MAX, JOURNAL_FRAME_BYTES_MAX } from './limits.ts'
import { assignmentOf } from './testing/assignments.ts'

const assign = (epoch: number, changes = {}): Change => ({
  kind: 'assign',
  assignment: assignmentOf('a', { epoch, ...changes }),
})
const retain = (epoch: number): Change => ({ kind: 'retain', tenantUid: 'a', shard: 0, epoch })
const unassign = (epoch: number): Change => ({ kind: 'unassign', tenantUid: 'a', shard: 0, epoch })

/** Enters the changes that are not refused. Says of each what was decided. */
function decisions(book: AssignmentBook, changes: readonly Change[]): string[] {
  return changes.map((change) => {
    const decision = book.decide(change)
    if (decision.kind === 'write') book.apply(decision.entry)
    return decision.kind === 'refuse'
      ? `${decision.refusal.code} ${decision.refusal.epochMin ?? ''}`.trim()
      : decision.kind
  })
}

const cases: readonly [title: string, changes: readonly Change[], expected: readonly string[]][] = [
  ['takes a first assignment of any epoch', [assign(7)], ['write']],
  ['keeps what is the same', [assign(7), assign(7)], ['write', 'keep']],
  [
    'takes a changed limit in the same epoch',
    [assign(7), assign(7, { connectionsMax: 5 })],
    ['write', 'write'],
  ],
  ['takes a higher epoch', [assign(7), assign(9)], ['write', 'write']],
  ['refuses a lower epoch', [assign(7), assign(6)], ['write', 'StaleEpoch 7']],
  [
    'refuses to come back in an epoch given up',
    [assign(7), unassign(7), assign(7)],
    ['write', 'write', 'StaleEpoch 8'],
  ],
  [
    'comes back in the next epoch',
    [assign(7), unassign(7), assign(8)],
    ['write', 'write', 'write'],
  ],
  [
    'gives up again without a write',
    [assign(7), unassign(7), unassign(7)],
    ['write', 'write', 'keep'],
  ],
  ['refuses to give up in a lower epoch', [assign(7), unassign(6)], ['write', 'StaleEpoch 7']],
  [
    'gives up what it never held',
    [unassign(3), assign(3), assign(4)],
    ['write', 'StaleEpoch 4', 'write'],
  ],
  [
    'gives up in a higher epoch than held',
    [assign(3), unassign(9), assign(9)],
    ['write', 'write', 'StaleEpoch 10'],
  ],
  ['retains what it holds, once', [assign(3), retain(3), retain(3)], ['write', 'write', 'keep']],
  ['has nothing to retain where nothing is held', [retain(3)], ['keep']],
  ['refuses to retain in a lower epoch', [assign(3), retain(2)], ['write', 'StaleEpoch 3']],
  ['opens again what it retained', [assign(3), retain(3), assign(4)], ['write', 'write', 'write']],
  ['gives up what it retained', [assign(3), retain(3), unassign(3)], ['write', 'write', 'write']],
]

describe('the book of assignments', () => {
  for (const [title, changes, expected] of cases) {
    it(title, () => assert.deepEqual(decisions(new AssignmentBook(), changes), expected))
  }

  it('holds as many shards as it may, and then no other', () => {
    const book = new AssignmentBook()
    for (let index = 0; index < TENANTS_PER_MEMBER_MAX; index++) {
      book.apply({ kind: 'held', assignment: assignmentOf(`t${index}`) })
    }
    assert.deepEqual(decisions(book, [assign(1)]), ['TooManyTenants'])
    const known: Change = { kind: 'assign', assignment: assignmentOf('t0', { epoch: 2 }) }
    assert.deepEqual(decisions(book, [known]), ['write'])
  })

  it('says of a retained shard that it is', () => {
    const book = new AssignmentBook()
    decisions(book, [assign(3), retain(3)])
    const [shard] = book.heldShards()
    assert.equal(shard?.retained, true)
    assert.equal(book.assignment('a/0')?.served, false)
    decisions(book, [assign(4)])
    assert.equal(book.heldShards()[0]?.retained, false)
  })

  it('forgets only the oldest epochs of shards given up', () => {
    const book = new AssignmentBook()
    for (let index = 0; index <= FENCES_MAX; index++) {
      book.apply({ kind: 'floor', key: `t${index}/0`, epoch: 2 })
    }
    const entries = book.entries()
    assert.equal(entries.length, FENCES_MAX)
    assert.deepEqual(entries[0], { kind: 'floor', key: 't1/0', epoch: 2 })
  })

  it('fits one frame of the journal when it is as full as it may be', () => {
    const name = 'n'.repeat(63)
    const passwordHashes = Array.from({ length: 4 }, () => 'f'.repeat(64))
    const held = Array.from({ length: TENANTS_PER_MEMBER_MAX }, (_, index): Entry => {
      const tenantUid = `${index}`.padStart(36, '0')
      const userName = `${name}.${name}`
      return { kind: 'held', assignment: assignmentOf(tenantUid, { userName, passwordHashes }) }
    })
    const floors = Array.from({ length: FENCES_MAX }, (_, index): Entry => {
      const epoch = Number.MAX_SAFE_INTEGER
      return { kind: 'floor', key: `${index}`.padStart(36, '0').concat('/16383'), epoch }
    })
    const frame = encodeJournalFrame(0, { entries: [...held, ...floors] })
    assert.ok(frame.length < JOURNAL_FRAME_BYTES_MAX)
  })

  it('gives the same book again from its entries', () => {
    const book = new AssignmentBook()
    decisions(book, [assign(7), unassign(7)])
    book.apply({ kind: 'held', assignment: assignmentOf('b', { epoch: 4 }) })
    const copy = new AssignmentBook()
    for (const entry of book.entries()) copy.apply(entry)
    assert.deepEqual(copy.entries(), book.entries())
    assert.deepEqual(copy.heldShards(), book.heldShards())
  })
})
