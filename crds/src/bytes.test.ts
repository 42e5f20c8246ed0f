import assert from 'node:assert/strict'
import { parseByteSize } from './bytes.ts'

describe('parseByteSize', () => {
  it('reads whole numbers of Mi and Gi', () => {
    assert.equal(parseByteSize('1Mi'), 1_048_576)
    assert.equal(parseByteSize('64Mi'), 67_108_864)
    assert.equal(parseByteSize('999999Gi'), 999_999 * 2 ** 30)
  })

  for (const wrong of ['', '64', '0Mi', '1.5Gi', '64mi', ' 64Mi', '64Mi ', '1000000Gi', '-1Mi']) {
    it(`refuses '${wrong}'`, () => assert.throws(() => parseByteSize(wrong), RangeError))
  }
})
