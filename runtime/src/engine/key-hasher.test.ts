import assert from 'node:assert/strict'
import { KeyHasher } from './key-hasher.ts'

/** From lib/test_siphash.c of Linux: HalfSipHash-1-3 of 00 01 02 … under the key 00 … 07. */
const vectors = [
  0x5814c896, 0xe7e864ca, 0xbc4b0e30, 0x01539939, 0x7e059ea6, 0x88e3d89b, 0xa0080b65, 0x9d38d9d6,
]

describe('key hasher', () => {
  const hasher = new KeyHasher([0x03020100, 0x07060504])
  const bytes = Buffer.from(Array.from({ length: 64 }, (_, at) => at))

  it('is HalfSipHash-1-3', () => {
    const hashes = vectors.map((_, length) => hasher.hash(bytes, 0, length) >>> 0)
    assert.deepEqual(hashes, vectors)
  })

  it('depends on the bytes alone, not on where they are', () => {
    for (let length = 0; length < 40; length++) {
      const moved = Buffer.concat([Buffer.from('abc'), bytes.subarray(0, length), Buffer.from('x')])
      assert.equal(hasher.hash(moved, 3, 3 + length), hasher.hash(bytes, 0, length))
    }
  })

  it('differs by its seed', () => {
    const other = new KeyHasher([1, 2])
    assert.notEqual(other.hash(bytes, 0, 8), hasher.hash(bytes, 0, 8))
  })
})
