import assert from 'node:assert/strict'
import { quantityBytes } from './quantity.ts'

describe('quantities', () => {
  for (const [text, bytes] of [
    ['1Gi', 2 ** 30],
    ['512Mi', 2 ** 29],
    ['1.5G', 1.5e9],
    ['1073741824', 2 ** 30],
    ['1e3', undefined],
    ['', undefined],
    ['-1Gi', undefined],
    ['1gi', undefined],
  ] as const) {
    it(`${text || 'nothing'} is ${bytes ?? 'none'}`, () => assert.equal(quantityBytes(text), bytes))
  }
})
