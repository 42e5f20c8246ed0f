import assert from 'node:assert/strict'
import type { Stored } from '../../kube/object.ts'
import type { PersistentVolumeClaim } from '../../kube/resources.ts'
import { poolOf, poolWorld } from '../testing/worlds.ts'
import type { Observed } from './observe.ts'
import { poolStatus } from './status.ts'
import { planExpansion } from './volumes-plan.ts'

const claimOf = (requested: string, capacity = requested): Stored<PersistentVolumeClaim> => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'default-0-1', namespace: 'miniredis', uid: 'claim', resourceVersion: '1' },
  spec: { storageClassName: 'fast', resources: { requests: { storage: requested } } },
  status: { phase: 'Bound', capacity: { storage: capacity } },
})

function seenWith(claim: Stored<PersistentVolumeClaim>, expandable: readonly string[]): Observed {
  const volumes = new Map([['default-0-1', claim]])
  const pool = poolOf({ size: '2Gi' })
  return { ...poolWorld(pool, {}), volumes, expandableClasses: new Set(expandable) }
}

const planned = (seen: Observed) => planExpansion(poolOf({ size: '2Gi' }), seen)
function condition(seen: Observed) {
  const orphans = { kind: 'none' } as const
  const options = { pool: poolOf({ size: '2Gi' }), seen, orphans, failure: undefined, nowMs: 0 }
  const found = poolStatus(options).conditions?.find(({ type }) => type === 'VolumesSized')
  return `${found?.status} ${found?.reason}`
}

describe('volumes of a pool that grew', () => {
  it('are expanded where the class allows it', () => {
    const seen = seenWith(claimOf('1Gi'), ['fast'])
    assert.deepEqual(planned(seen), [{ kind: 'expandVolume', member: 'default-0-1', size: '2Gi' }])
    assert.equal(condition(seenWith(claimOf('2Gi', '1Gi'), ['fast'])), 'False VolumesResizing')
    assert.equal(condition(seenWith(claimOf('2Gi'), [])), 'True VolumesSized')
  })

  it('stay as they are where it does not, and the pool says so', () => {
    const seen = seenWith(claimOf('1Gi'), [])
    assert.deepEqual(planned(seen), [])
    assert.equal(condition(seen), 'False ExpansionUnsupported')
  })

  it('are never made smaller', () => {
    assert.deepEqual(planned(seenWith(claimOf('4Gi'), ['fast'])), [])
  })
})
