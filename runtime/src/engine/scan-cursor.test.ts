import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ScanCursor } from './scan-cursor.ts'
import { RANK_END } from './segment.ts'

describe('scan cursor', () => {
  const cursor = new ScanCursor([0x12345678, 0x9abcdef0])

  it('comes back as the rank that it stands for', () => {
    const ranks = fc.oneof(fc.integer({ min: 1, max: RANK_END - 1 }), fc.constant(RANK_END - 1))
    fc.assert(
      fc.property(ranks, (rank) => {
        const shown = cursor.encode(rank)
        assert.ok(shown >= 1 && shown <= RANK_END)
        assert.equal(cursor.decode(shown), rank)
      }),
    )
  })

  it('is zero at the end, and zero starts over', () => {
    assert.equal(cursor.encode(RANK_END), 0)
    assert.equal(cursor.decode(0), 0)
  })

  it('takes any number; what is none of ours ends the scan', () => {
    assert.equal(cursor.decode(2 ** 64), RANK_END)
    assert.equal(cursor.decode(2 ** 32 + 1), RANK_END)
  })
})
