import assert from 'node:assert/strict'
import type { StorageReport } from '@miniredis/crds'
import { heldOf, recordOf, tenantOf, tenantWorld } from '../testing/worlds.ts'
import { planTenant } from './plan.ts'
import { obstacleTo, problemOf, storageObstacle } from './standing.ts'
import { tenantStatus } from './status.ts'

const shard = { tenantUid: 'a', shard: 0 }
const damage = { ...shard, file: 'log/0000000000000007.seg', offset: 4711, message: 'bad checksum' }

function worldWith(storage: Partial<StorageReport>, mode: 'Both' | 'None' = 'Both') {
  const persistence = { mode, save: [], fsync: 'EverySecond' } as const
  const tenant = tenantOf('a', { persistence: { ...persistence, save: [] } })
  return tenantWorld(tenant, { records: [recordOf('a')], held: [heldOf('a')], storage })
}

const conditions = (seen: ReturnType<typeof worldWith>) =>
  Object.fromEntries(
    (tenantStatus(seen, {}, { nowMs: 0, usageWrittenMs: undefined }).conditions ?? []).map(
      ({ type, status, reason }) => [type, `${status} ${reason}`],
    ),
  )

const full = { volume: { state: 'Full', message: 'no space' } } as const
const failed = { volume: { state: 'Failed', file: 'log/1.seg', message: 'EIO' } } as const
const loading = { loading: [{ ...shard, percent: 47 }] }

describe('what a member says of its volume', () => {
  const cases: readonly [string, Partial<StorageReport>, Readonly<Record<string, string>>][] = [
    ['loading', loading, { Ready: 'False Loading', Stalled: 'False Settled' }],
    [
      'damage',
      { damaged: [damage] },
      { Ready: 'False StorageDamaged', Stalled: 'True StorageDamaged' },
    ],
    ['a full volume', full, { Ready: 'False StorageFull', Stalled: 'False Settled' }],
    ['a failed volume', failed, { Ready: 'False StorageFailed', Stalled: 'True StorageFailed' }],
  ]
  for (const [title, storage, expected] of cases) {
    it(`${title} shows in Ready, Stalled and StorageHealthy`, () => {
      const { Ready, Stalled, StorageHealthy } = conditions(worldWith(storage))
      assert.deepEqual({ Ready, Stalled }, expected)
      assert.equal(StorageHealthy, Ready)
    })
  }

  it('names file, offset and the command that helps', () => {
    const message = storageObstacle(worldWith({ damaged: [damage] }), recordOf('a'))?.message ?? ''
    for (const part of ['log/0000000000000007.seg', '4711', 'bad checksum', 'kubectl -n miniredis'])
      assert.ok(message.includes(part), message)
  })

  it('tells progress in steps', () =>
    assert.match(obstacleTo(worldWith(loading))?.message ?? '', /40 % done/))

  it('does not concern a tenant without persistence, or another one', () => {
    assert.equal(conditions(worldWith(full, 'None')).StorageHealthy, 'True MemoryOnly')
    const other = worldWith({ damaged: [{ ...damage, tenantUid: 'b' }] })
    assert.equal(conditions(other).StorageHealthy, 'True Persisting')
  })
})

describe('a tenant whose name has kept data', () => {
  const left = recordOf('old', { phase: 'Retained', deletionPolicy: 'Retain' })
  const worldOf = (adopt: string | undefined) =>
    tenantWorld(tenantOf('new', {}, adopt), { retained: [left] })
  const kinds = (adopt: string | undefined) =>
    planTenant(worldOf(adopt), 0)
      .map(({ kind }) => kind)
      .filter((kind) => kind === 'adopt' || kind === 'place' || kind === 'wait')

  it('waits for a decision, and does not tell whose data they are', () => {
    assert.deepEqual(kinds(undefined), ['wait'])
    const problem = problemOf(worldOf(undefined))
    assert.equal(problem?.reason, 'DataRetained')
    assert.ok(!problem.message.includes('old'), problem.message)
  })

  it('takes them over when it names them', () => assert.deepEqual(kinds('old'), ['adopt']))
  it('starts empty when it says so', () => assert.deepEqual(kinds('none'), ['place']))

  it('never starts empty in place of data that are not there', () => {
    assert.deepEqual(kinds('other'), ['wait'])
    assert.match(problemOf(worldOf('other'))?.message ?? '', /no data of a deleted tenant other/)
  })

  it('writes down its policy, so that the pool knows it when the tenant is gone', () => {
    const seen = tenantWorld(tenantOf('a', { deletionPolicy: 'Retain' }), {
      records: [recordOf('a')],
      held: [heldOf('a')],
    })
    const step = planTenant(seen, 0).find(({ kind }) => kind === 'setPolicy')
    assert.deepEqual(step, {
      kind: 'setPolicy',
      shard: { tenantUid: 'a', shard: 0 },
      deletionPolicy: 'Retain',
    })
  })
})
