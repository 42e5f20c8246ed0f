import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decompressLzf } from './lzf.ts'

function decompress(source: readonly number[], bytes: number): string | undefined {
  const target = Buffer.alloc(bytes)
  const isGood = decompressLzf(Uint8Array.from(source), 0, source.length, target)
  return isGood ? target.toString('latin1') : undefined
}

const [a, b, c] = [0x61, 0x62, 0x63]

describe('LZF', () => {
  it('copies literals and earlier bytes, its own output included', () => {
    assert.equal(decompress([2, a, b, c], 3), 'abc')
    assert.equal(decompress([2, a, b, c, 0x20, 2], 6), 'abcabc')
    assert.equal(decompress([0, a, 0x80, 0], 7), 'aaaaaaa')
    assert.equal(decompress([0, a, 0xe0, 10, 0], 20), 'a'.repeat(20))
    assert.equal(decompress([], 0), '')
  })

  it('refuses what runs over, ends early or refers to before the start', () => {
    const bad: readonly (readonly [source: number[], bytes: number])[] = [
      [[2, a, b, c], 2],
      [[2, a, b, c], 4],
      [[3, a, b, c], 4],
      [[0x20, 0], 3],
      [[0, a, 0x20, 1], 4],
      [[0, a, 0x20], 4],
      [[0, a, 0xe0], 10],
      [[0, a, 0xe0, 10], 20],
      [[0, a, 0xe0, 255, 0], 20],
      [[], 1],
    ]
    for (const [source, bytes] of bad) assert.equal(decompress(source, bytes), undefined)
  })

  it('takes any bytes without leaving its bounds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(300), (source, bytes) => {
        decompressLzf(source, 0, source.length, Buffer.alloc(bytes))
      }),
    )
  })
})
