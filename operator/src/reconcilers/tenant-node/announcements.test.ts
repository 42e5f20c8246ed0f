import assert from 'node:assert/strict'
import type { TenantNode } from '../../kube/resources.ts'
import { newsOf } from './announcements.ts'

const lastTransitionTime = '2026-01-01T00:00:00Z'

/** `Ready: True Serving` → a status with that condition. */
const statusOf = (words: Readonly<Record<string, string>>): TenantNode['status'] => ({
  conditions: Object.entries(words).map(([type, word]) => {
    const [status = '', reason = ''] = word.split(' ')
    return { type, status: status as 'True' | 'False', reason, message: '', lastTransitionTime }
  }),
})

const told = (before: Record<string, string>, now: Record<string, string>) =>
  newsOf(statusOf(before), statusOf(now)).map(({ type, reason }) => `${type} ${reason}`)

const good = { Ready: 'True Serving', StorageHealthy: 'True Persisting' }

describe('events of a tenant', () => {
  const cases: readonly [string, Record<string, string>, Record<string, string>, string[]][] = [
    ['none while nothing changes', good, good, []],
    ['its first service', {}, good, ['Normal Serving']],
    [
      'damage, once, though nothing was served before',
      { Ready: 'False MemberNotReady', StorageHealthy: 'False Loading' },
      { Ready: 'False StorageDamaged', StorageHealthy: 'False StorageDamaged' },
      ['Warning StorageDamaged'],
    ],
    [
      'a full volume, once',
      good,
      { Ready: 'False StorageFull', StorageHealthy: 'False StorageFull' },
      ['Warning StorageFull'],
    ],
    [
      'room again',
      { Ready: 'False StorageFull', StorageHealthy: 'False StorageFull' },
      good,
      ['Normal Serving', 'Normal Persisting'],
    ],
    [
      'loading only as what keeps it from being served',
      good,
      { Ready: 'False Loading', StorageHealthy: 'False Loading' },
      ['Warning Loading'],
    ],
    [
      'the end of loading only as its service',
      { Ready: 'False Loading', StorageHealthy: 'False Loading' },
      good,
      ['Normal Serving'],
    ],
  ]
  for (const [title, before, now, expected] of cases)
    it(title, () => assert.deepEqual(told(before, now), expected))
})
