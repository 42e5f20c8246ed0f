import assert from 'node:assert/strict'
import { SLOT_COUNT } from '@miniredis/crds'
import fc from 'fast-check'
import { type PlacementMember, placeCopies } from './placement.ts'
import { rankMembers } from './rendezvous.ts'
import { formatSlots, slotRanges } from './slots.ts'

const member = (index: number, more: Partial<PlacementMember> = {}): PlacementMember => ({
  name: `default-${index}-1`,
  weight: 1,
  zone: `zone-${index % 3}`,
  copies: 0,
  copiesMax: 4096,
  ...more,
})

const membersOf = (count: number): PlacementMember[] =>
  Array.from({ length: count }, (_, index) => member(index))

const shardOf = (tenantUid: string) => ({ tenantUid, shard: 0 })
const tenantUids = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `6f1c2a9e-0000-4000-8000-${index}`)
const primaryOf = (uid: string, members: readonly PlacementMember[]): string =>
  placeCopies(shardOf(uid), members, 1)[0]?.name ?? 'none'

const uid = fc.uuid()
const memberCount = fc.integer({ min: 1, max: 24 })

describe('slot ranges', () => {
  it('gives all slots to the only shard', () => {
    assert.deepEqual(slotRanges(1).map(formatSlots), ['0-16383'])
  })

  it('covers every slot once, in sizes that differ by at most one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1024 }), (count) => {
        const ranges = slotRanges(count)
        const sizes = ranges.map(({ firstSlot, lastSlot }) => lastSlot - firstSlot + 1)
        assert.equal(ranges.length, count)
        assert.equal(
          sizes.reduce((a, b) => a + b),
          SLOT_COUNT,
        )
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
        ranges.forEach(({ firstSlot }, index) => {
          assert.equal(firstSlot, (ranges[index - 1]?.lastSlot ?? -1) + 1)
        })
      }),
    )
  })

  for (const count of [0, -1, 1.5, SLOT_COUNT + 1])
    it(`refuses ${count} shards`, () => assert.throws(() => slotRanges(count), RangeError))
})

describe('placement', () => {
  it('is the same whatever order the members come in', () => {
    fc.assert(
      fc.property(uid, fc.shuffledSubarray(membersOf(12), { minLength: 12 }), (tenant, shuffled) =>
        assert.deepEqual(
          placeCopies(shardOf(tenant), shuffled, 3),
          placeCopies(shardOf(tenant), membersOf(12), 3),
        ),
      ),
    )
  })

  it('moves only to the member that came', () => {
    fc.assert(
      fc.property(uid, memberCount, (tenant, count) => {
        const before = primaryOf(tenant, membersOf(count))
        const after = primaryOf(tenant, membersOf(count + 1))
        assert.ok(after === before || after === `default-${count}-1`)
      }),
    )
  })

  it('moves only what the member that went had', () => {
    fc.assert(
      fc.property(uid, memberCount, fc.nat(23), (tenant, count, gone) => {
        const all = membersOf(count + 1)
        const rest = all.filter((_, index) => index !== gone % all.length)
        const before = primaryOf(tenant, all)
        if (rest.some(({ name }) => name === before)) assert.equal(primaryOf(tenant, rest), before)
      }),
    )
  })

  it('gives each of ten members a fair share of 5,000 shards', () => {
    const shares = sharesOf(membersOf(10), 5000)
    for (const [name, share] of shares) assert.ok(share > 400 && share < 600, `${name}: ${share}`)
  })

  it('gives a member of double weight twice the share', () => {
    const shares = sharesOf([member(0, { weight: 2 }), member(1), member(2)], 4000)
    const heavy = shares.get('default-0-1') ?? 0
    assert.ok(heavy > 1850 && heavy < 2150, `${heavy}`)
  })

  it('uses every zone before it uses one twice', () => {
    fc.assert(
      fc.property(uid, fc.integer({ min: 3, max: 12 }), (tenant, count) => {
        const zones = placeCopies(shardOf(tenant), membersOf(count), 3).map(({ zone }) => zone)
        assert.equal(new Set(zones).size, 3)
      }),
    )
  })

  it('puts the primary where hashing alone says', () => {
    fc.assert(
      fc.property(uid, memberCount, (tenant, count) => {
        const [best] = rankMembers(shardOf(tenant), membersOf(count))
        assert.deepEqual(placeCopies(shardOf(tenant), membersOf(count), 3)[0], best)
      }),
    )
  })

  it('passes over a member that is full', () => {
    const full = member(0, { copies: 4096 })
    for (const tenant of tenantUids(50))
      assert.equal(primaryOf(tenant, [full, member(1)]), 'default-1-1')
  })

  it('fills a member to its limit and not further', () => {
    const last = member(0, { copies: 4095 })
    assert.equal(primaryOf('uid', [last]), 'default-0-1')
    assert.deepEqual(placeCopies(shardOf('uid'), [{ ...last, copies: 4096 }], 1), [])
  })

  it('places as many copies as there are members', () => {
    assert.equal(placeCopies(shardOf('uid'), membersOf(2), 3).length, 2)
  })
})

function sharesOf(members: readonly PlacementMember[], shards: number): Map<string, number> {
  const shares = new Map<string, number>()
  for (const tenant of tenantUids(shards)) {
    const name = primaryOf(tenant, members)
    shares.set(name, (shares.get(name) ?? 0) + 1)
  }
  return shares
}
