import assert from 'node:assert/strict'
import { TurnQueue } from './turn-queue.ts'

describe('turn queue', () => {
  it('lets owners take turns however many members they have', () => {
    const queue = new TurnQueue<string, string>()
    for (const member of ['a1', 'a2', 'a3']) queue.add('a', member)
    queue.add('b', 'b1')
    const order = Array.from({ length: 5 }, () => queue.take())
    assert.deepEqual(order, ['a1', 'b1', 'a2', 'a3', undefined])
    assert.ok(queue.isEmpty)
  })

  it('counts owners, not members', () => {
    const queue = new TurnQueue<string, string>()
    queue.add('a', 'a1')
    queue.add('a', 'a2')
    assert.equal(queue.ownerCount, 1)
  })
})
