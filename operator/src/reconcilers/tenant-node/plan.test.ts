import assert from 'node:assert/strict'
import { planTenant } from './plan.ts'
import { nextUsage, tenantStatus, USAGE_WRITE_INTERVAL_MS } from './status.ts'
import { nowMs, type Sentence, tenant } from './tenant.testing.ts'

const stepsOf = ({ observed }: Sentence) =>
  planTenant(observed, nowMs).map((step) => {
    if (step.kind === 'wait') return `wait ${step.reason}`
    return 'child' in step ? `${step.kind} ${step.child}` : step.kind
  })

const cases: readonly [title: string, seen: Sentence, steps: readonly string[]][] = [
  [
    'makes a new tenant its objects and its place',
    tenant('cache'),
    ['create service', 'issuePassword', 'place'],
  ],
  ['waits for a pool', tenant('cache').withoutPool(), ['wait PoolMissing']],
  [
    'waits for a member that can take it',
    tenant('cache').withoutReadyMembers().withService().withSecret(),
    ['wait NoCapacity'],
  ],
  [
    'assigns a placed tenant, and leads clients nowhere before the member confirmed',
    tenant('cache').withService().withSecret().placedOn('default-0-1'),
    ['assign'],
  ],
  [
    'leads clients to the member that confirmed',
    tenant('cache').withService().withSecret().placedOn('default-0-1').confirmed(),
    ['create slice'],
  ],
  [
    'leads clients to a member that had not confirmed before',
    tenant('cache').withService().withSecret().placedOn('default-0-1').withSlice().confirmed(),
    ['restore slice'],
  ],
  ['does nothing for a served tenant', tenant('cache').placedOn('default-0-1').served(), []],
  [
    'records another incarnation before it assigns again',
    tenant('cache')
      .placedOn('default-0-1', { primary: { member: 'default-0-1' } })
      .withService()
      .withSecret()
      .withSlice(),
    ['follow'],
  ],
  [
    'waits for a pod that is not ready',
    tenant('cache').placedOn('default-0-1').served().podNotReady(),
    ['wait MemberNotReady'],
  ],
  [
    'lets a served tenant be while only the link is down',
    tenant('cache').placedOn('default-0-1').served().linkDown(),
    [],
  ],
  [
    'waits for a link before the first assignment',
    tenant('cache').withService().withSecret().placedOn('default-0-1').withSlice().linkDown(),
    ['wait AssignmentPending'],
  ],
  [
    'waits for the address of a load balancer',
    tenant('cache', { type: 'LoadBalancer' }).placedOn('default-0-1').served(),
    ['wait EndpointPending'],
  ],
  [
    'touches nothing when a name is taken',
    tenant('cache').withForeignService(),
    ['wait NameConflict'],
  ],
  ['does nothing for a tenant that goes', tenant('cache').deleted(), []],
]

describe('the plan of a tenant', () => {
  for (const [title, seen, steps] of cases) it(title, () => assert.deepEqual(stepsOf(seen), steps))

  it('is the same for the same world', () => {
    const { observed } = tenant('cache')
    assert.deepEqual(planTenant(observed, nowMs), planTenant(observed, nowMs))
  })
})

describe('the status of a tenant', () => {
  const context = { nowMs, usageWrittenMs: undefined }
  const statusOf = ({ observed }: Sentence, progress = {}) =>
    tenantStatus(observed, progress, context)

  it('moves the time of a condition only when its status flips', () => {
    const first = statusOf(tenant('cache').placedOn('default-0-1').served())
    const seen = tenant('cache').placedOn('default-0-1').served().podNotReady().observed
    const before = { ...seen, tenant: { ...seen.tenant, status: first } }
    const later = tenantStatus(before, {}, { ...context, nowMs: nowMs + 5000 })
    const times = later.conditions?.map(({ type, lastTransitionTime }) => [
      type,
      lastTransitionTime,
    ])
    assert.deepEqual(times, [
      ['Ready', '2030-01-01T00:00:05Z'],
      ['Reconciling', '2030-01-01T00:00:05Z'],
      ['Stalled', '2030-01-01T00:00:00Z'],
      ['StorageHealthy', '2030-01-01T00:00:00Z'],
    ])
    assert.equal(later.phase, 'Unavailable')
    assert.deepEqual(later.endpoint, first.endpoint)
  })

  it('is Provisioning until it was served once', () => {
    const seen = tenant('cache').withService().withSecret().placedOn('default-0-1').podNotReady()
    assert.equal(statusOf(seen).phase, 'Provisioning')
  })

  it('is not wrong about a tenant whose last step failed', () => {
    const status = statusOf(tenant('cache').placedOn('default-0-1').served(), {
      failure: 'Conflict',
    })
    const found = status.conditions?.map(({ type, status: value }) => `${type} ${value}`)
    assert.deepEqual(found, [
      'Ready True',
      'Reconciling True',
      'Stalled False',
      'StorageHealthy True',
    ])
  })

  it('says what is wrong with a specification', () => {
    const { observed } = tenant('cache')
    const status = tenantStatus({ ...observed, invalid: 'spec.pool: no' }, {}, context)
    assert.equal(status.phase, 'Failed')
    assert.deepEqual(
      status.conditions?.map(({ type, status: value, reason }) => `${type} ${value} ${reason}`),
      ['Ready False InvalidSpec', 'Reconciling False Settled', 'Stalled True InvalidSpec'],
    )
  })
})

describe('usage in the status', () => {
  const usage = (memoryBytes: number) => ({ memoryBytes, keys: 10, connections: 1 })
  const at = (usageWrittenMs: number | undefined) => ({ nowMs, usageWrittenMs })
  const minuteAgo = nowMs - USAGE_WRITE_INTERVAL_MS

  it('is written when it moved by more than a tenth, at most once a minute', () => {
    assert.deepEqual(nextUsage(usage(100), usage(111), at(minuteAgo)), usage(111))
    assert.deepEqual(nextUsage(usage(100), usage(110), at(minuteAgo)), usage(100))
    assert.deepEqual(nextUsage(usage(100), usage(200), at(minuteAgo + 1)), usage(100))
  })

  it('begins when there is any, and stays while nobody reports', () => {
    const nothing = { memoryBytes: 0, keys: 0, connections: 0 }
    assert.equal(nextUsage(undefined, nothing, at(undefined)), undefined)
    assert.deepEqual(nextUsage(undefined, usage(1), at(undefined)), usage(1))
    assert.deepEqual(nextUsage(usage(1), undefined, at(undefined)), usage(1))
  })
})
