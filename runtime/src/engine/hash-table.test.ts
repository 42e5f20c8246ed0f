import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Arena } from './arena.ts'
import { HashTable, NONE } from './hash-table.ts'
import { Key } from './key.ts'
import { MemoryAccount } from './memory-account.ts'
import { dueOf, RANK_END, rankOf } from './segment.ts'
import { randomOf } from './testing/keyspaces.ts'

/** Entries are the numbers 1, 2, …; a key's `start` says which entry it is. */
const newTable = (): HashTable =>
  new HashTable(new Arena(), { hasKey: (entry, key) => entry === key.start }, new MemoryAccount())

function keyOf(hash: number, entry: number): Key {
  const key = new Key()
  key.hash = hash
  key.start = entry
  return key
}

function scanAll(table: HashTable, count: number): number[] {
  const found: number[] = []
  for (let rank = 0; rank < RANK_END; ) rank = table.scan(rank, count, found)
  return found
}

/** Ways in which hashes can be distributed, the last ones by an attacker who knows the seed. */
const distributions: readonly [string, (random: () => number) => number][] = [
  ['uniform', (random) => random() | 0],
  ['all the same', () => 0x1234567],
  ['a handful', (random) => Math.imul(random() % 5, 0x33333333)],
  ['in one narrow range', (random) => 0x40000000 + (random() % 3000)],
  ['at both ends', (random) => (random() % 2 === 0 ? -0x80000000 : 0x7fffffff)],
  ['half narrow, half uniform', (random) => (random() % 2 === 0 ? random() | 0 : random() % 100)],
]

describe('hash table', () => {
  for (const [title, hashOf] of distributions) {
    it(`finds, scans in order and forgets entries whose hashes are ${title}`, () => {
      const random = randomOf(11)
      const table = newTable()
      const hashes = Array.from({ length: 3000 }, () => hashOf(random) | 0)
      for (const [at, hash] of hashes.entries()) table.insert(hash, at + 1)
      for (const [at, hash] of hashes.entries()) {
        assert.equal(table.find(keyOf(hash, at + 1)), at + 1)
        assert.equal(table.find(keyOf(hash, 99_999)), NONE)
      }
      const scanned = scanAll(table, 10)
      assert.equal(new Set(scanned).size, 3000)
      assert.equal(scanned.length, 3000)
      const ranks = scanned.map((entry) => rankOf(hashes[entry - 1]))
      assert.ok(ranks.every((rank, at) => at === 0 || ranks[at - 1] <= rank))
      for (const [at, hash] of hashes.entries()) table.remove(hash, at + 1)
      assert.equal(table.size, 0)
      assert.equal(table.account.usedBytes, 0)
    })
  }

  it('does not let a skewed distribution cost more than a few bytes per entry', () => {
    const table = newTable()
    const random = randomOf(5)
    for (let entry = 1; entry <= 20_000; entry++) table.insert(random() % 4096, entry)
    assert.ok(table.account.usedBytes / 20_000 < 40, `${table.account.usedBytes / 20_000} bytes`)
  })

  it('keeps at most a dozen bytes per entry when hashes are uniform, at any size', () => {
    const table = newTable()
    const random = randomOf(3)
    let worst = 0
    for (let entry = 1; entry <= 200_000; entry++) {
      table.insert(random() | 0, entry)
      if (entry > 5000) worst = Math.max(worst, table.account.usedBytes / entry)
    }
    assert.ok(worst < 12.5, `${worst} bytes`)
  })

  it('never misses what is due, through splits and merges', () => {
    const step = fc.record({ inserts: fc.boolean(), hash: fc.integer(), due: fc.nat(1000) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 500 }), fc.nat(1000), (steps, nowSeconds) => {
        const table = newTable()
        const held = new Map<number, { hash: number; due: number }>()
        for (const [at, { inserts, hash, due }] of steps.entries()) {
          if (inserts || held.size === 0) {
            table.insert(hash, at + 1)
            table.noteDue(hash, dueOf(due * 1000))
            held.set(at + 1, { hash, due })
          } else {
            const [entry, { hash: oldHash }] = [...held][0]
            table.remove(oldHash, entry)
            held.delete(entry)
          }
        }
        const taken: number[] = []
        const now = dueOf(nowSeconds * 1000)
        for (let rank = 0; rank < RANK_END; ) rank = table.takeDue(rank, now, taken)
        for (const [entry, { due }] of held) {
          if (due < nowSeconds) assert.ok(taken.includes(entry), `entry ${entry}`)
        }
      }),
    )
  })
})
