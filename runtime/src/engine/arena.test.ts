import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Arena, CHUNK_SHIFT, GRANULE_MASK, SPARE_CHUNKS_MAX } from './arena.ts'
import { MemoryAccount } from './memory-account.ts'
import { CHUNK_BYTES, classBytes, classFor, SHARED_BLOCK_BYTES_MAX } from './size-classes.ts'

const bytesAt = (arena: Arena, reference: number): Buffer => {
  const start = (reference & GRANULE_MASK) << 3
  const buffer = arena.bytes[reference >>> CHUNK_SHIFT]
  return buffer.subarray(start, start + arena.blockBytes(reference))
}

describe('size classes', () => {
  it('ascend in whole granules and end at the largest shared block', () => {
    for (const [at, bytes] of classBytes.entries()) {
      assert.equal(bytes % 8, 0)
      if (at > 0) assert.ok(bytes > classBytes[at - 1])
    }
    assert.equal(classBytes.at(-1), SHARED_BLOCK_BYTES_MAX)
  })

  it('waste at most an eighth above 128 bytes, up to 8 KiB', () => {
    for (let bytes = 1; bytes <= SHARED_BLOCK_BYTES_MAX; bytes++) {
      const block = classBytes[classFor(bytes)]
      assert.ok(block >= bytes)
      if (bytes <= 128) assert.ok(block - bytes < 8 || block === 16)
      else if (bytes <= 8192) assert.ok(block - bytes <= bytes / 8)
      else assert.ok(block - bytes <= bytes / 3)
    }
  })
})

describe('arena', () => {
  it('hands out blocks that never overlap and keep what is written, and books them exactly', () => {
    const sizes = fc.oneof(
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 3 * SHARED_BLOCK_BYTES_MAX }),
    )
    const step = fc.record({ allocates: fc.boolean(), bytes: sizes, pick: fc.nat() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const arena = new Arena()
        const account = new MemoryAccount()
        const held: { reference: number; mark: number }[] = []
        const free = (at: number) => {
          const [{ reference, mark }] = held.splice(at, 1)
          const isWhole = bytesAt(arena, reference).every((byte) => byte === mark)
          assert.ok(isWhole, 'a block was overwritten')
          arena.free(reference, account)
        }
        for (const [at, { allocates, bytes, pick }] of steps.entries()) {
          if (allocates || held.length === 0) {
            const reference = arena.allocate(bytes, account)
            assert.notEqual(reference, 0)
            assert.ok(arena.blockBytes(reference) >= bytes)
            assert.equal(arena.blockBytes(reference), Arena.blockBytesFor(bytes))
            bytesAt(arena, reference).fill(at % 251)
            held.push({ reference, mark: at % 251 })
          } else free(pick % held.length)
          const sum = held.reduce((total, { reference }) => total + arena.blockBytes(reference), 0)
          assert.equal(account.usedBytes, sum)
          assert.equal(arena.usedBytes, sum)
          assert.ok(arena.reservedBytes >= sum)
        }
        while (held.length > 0) free(0)
        assert.equal(account.usedBytes, 0)
        assert.ok(arena.reservedBytes <= SPARE_CHUNKS_MAX * CHUNK_BYTES)
      }),
      { numRuns: 100 },
    )
  })

  it('gives empty chunks back but for a few, which serve any size', () => {
    const arena = new Arena()
    const account = new MemoryAccount()
    const small = Array.from({ length: 100_000 }, () => arena.allocate(64, account))
    assert.equal(arena.reservedBytes, Math.ceil((100_000 * 64) / CHUNK_BYTES) * CHUNK_BYTES)
    for (const reference of small) arena.free(reference, account)
    assert.equal(arena.reservedBytes, SPARE_CHUNKS_MAX * CHUNK_BYTES)
    arena.allocate(1000, account)
    assert.equal(arena.reservedBytes, SPARE_CHUNKS_MAX * CHUNK_BYTES)
  })

  it('books on every owner of an account, until it is detached', () => {
    const arena = new Arena()
    const tenant = new MemoryAccount()
    const database = new MemoryAccount(tenant)
    const reference = arena.allocate(100, database)
    assert.equal(tenant.usedBytes, 104)
    database.detach()
    assert.equal(tenant.usedBytes, 0)
    arena.free(reference, database)
    assert.deepEqual([tenant.usedBytes, database.usedBytes], [0, 0])
  })
})
