import assert from 'node:assert/strict'
import type { ShardRecord } from '@miniredis/crds'
import { heldOf, poolOf, poolWorld, recordOf, type World } from '../testing/worlds.ts'
import type { Observed } from './observe.ts'
import { ORPHAN_SETTLE_MS } from './orphans.ts'
import { type PoolStep, planPool } from './plan.ts'

const interesting = new Set([
  'retainTenants',
  'closeShards',
  'giveUpTenants',
  'removeRetained',
  'wipeShards',
])

/** What is planned about shards once these tenants are gone for certain. */
function stepsAbout(
  world: World,
  options: { readonly gone?: readonly string[]; readonly removeRetained?: string } = {},
): readonly PoolStep[] {
  const pool = poolOf(options)
  const before = poolWorld(pool, world)
  const vanished = new Map((options.gone ?? []).map((uid) => [uid, 0]))
  const seen: Observed = { ...before, orphans: { ...before.orphans, vanished } }
  return planPool(seen, ORPHAN_SETTLE_MS + 1).steps.filter(({ kind }) => interesting.has(kind))
}

const kept = (changes: Partial<ShardRecord> = {}): ShardRecord =>
  recordOf('a', { deletionPolicy: 'Retain', ...changes })
const shard = { tenantUid: 'a', shard: 0, epoch: 3, member: 'default-0-1' }

describe('data of deleted tenants', () => {
  it('are wiped where the policy is Delete, or none is written down', () => {
    for (const record of [recordOf('a'), recordOf('a', { deletionPolicy: 'Delete' })]) {
      assert.deepEqual(stepsAbout({ records: [record], held: [heldOf('a')] }, { gone: ['a'] }), [
        { kind: 'giveUpTenants', tenantUids: ['a'] },
        { kind: 'wipeShards', shards: [shard] },
      ])
    }
  })

  it('are kept and closed to clients where it is Retain', () => {
    assert.deepEqual(stepsAbout({ records: [kept()], held: [heldOf('a')] }, { gone: ['a'] }), [
      { kind: 'retainTenants', tenantUids: ['a'] },
      { kind: 'closeShards', shards: [shard] },
    ])
  })

  it('are closed when their member is back, and then left alone', () => {
    const records = [kept({ phase: 'Retained' })]
    assert.deepEqual(stepsAbout({ records, held: [heldOf('a')] }), [
      { kind: 'closeShards', shards: [shard] },
    ])
    assert.deepEqual(stepsAbout({ records, held: [heldOf('a', { retained: true })] }), [])
  })

  it('belong to the tenant that adopted them', () => {
    const records = [kept({ ownerUid: 'b' })]
    assert.deepEqual(stepsAbout({ records, held: [heldOf('a')] }, { gone: ['a'] }), [])
    assert.deepEqual(stepsAbout({ records, held: [heldOf('a')] }, { gone: ['b'] })[0], {
      kind: 'retainTenants',
      tenantUids: ['b'],
    })
  })

  it('are wiped when a person names them, and no others', () => {
    const records = [
      kept({ phase: 'Retained' }),
      recordOf('b', { phase: 'Retained' }),
      recordOf('c'),
    ]
    const held = [heldOf('a', { retained: true }), heldOf('b', { retained: true }), heldOf('c')]
    assert.deepEqual(stepsAbout({ records, held }, { removeRetained: 'a,c' }), [
      { kind: 'removeRetained', tenantUids: ['a'] },
      { kind: 'wipeShards', shards: [shard] },
    ])
  })

  it('are not wiped by the policy of a tenant that lives', () => {
    assert.deepEqual(stepsAbout({ records: [kept()], held: [heldOf('a')] }), [])
  })
})
