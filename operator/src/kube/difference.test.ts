import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isApplied, isSameJson } from './difference.ts'

describe('difference', () => {
  it('sees no difference in the order of fields or in what is undefined', () => {
    assert.equal(
      isSameJson({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1, d: undefined }),
      true,
    )
    assert.equal(isSameJson({ a: 1 }, { a: '1' }), false)
    assert.equal(isSameJson([1, 2], [2, 1]), false)
    assert.equal(isSameJson({ a: null }, {}), false)
    assert.equal(isSameJson([], {}), false)
  })

  it('agrees with JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        assert.equal(isSameJson(a, JSON.parse(JSON.stringify(a))), true)
        if (isSameJson(a, b)) assert.equal(isSameJson(b, a), true)
      }),
    )
  })

  it('takes what is wanted as applied when the live object only has more', () => {
    const live = { spec: { ports: [{ port: 1, protocol: 'TCP' }], type: 'ClusterIP' }, status: {} }
    assert.equal(isApplied({ spec: { ports: [{ port: 1 }] } }, live), true)
    assert.equal(isApplied({ spec: { ports: [{ port: 2 }] } }, live), false)
    assert.equal(isApplied({ spec: { ports: [] } }, live), false)
    assert.equal(isApplied({ spec: { other: undefined } }, live), true)
    assert.equal(isApplied({ spec: { other: 1 } }, live), false)
    assert.equal(isApplied({ spec: 1 }, undefined), false)
  })
})
