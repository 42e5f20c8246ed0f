/** Manifests that are wrong get the field and the fix, and change nothing. */
import assert from 'node:assert/strict'
import { story } from '../src/story.ts'
import { kubectl } from '../src/tenants.ts'

const refused: readonly [title: string, spec: object, message: RegExp][] = [
  [
    'a size without a unit',
    { memory: { limit: '64' } },
    /spec\.memory\.limit: Invalid value:.*must be a whole number of Mi or Gi, for example 64Mi/,
  ],
  [
    'a wrong type',
    { databases: 'many' },
    /spec\.databases: Invalid value:.*must be of type integer/,
  ],
  [
    'a number out of range',
    { limits: { connections: 0 } },
    /spec\.limits\.connections.*greater than or equal to 1/,
  ],
  [
    'an unknown word',
    { endpoint: { type: 'Internet' } },
    /spec\.endpoint\.type: Unsupported value: "Internet": supported values: .*"LoadBalancer"/,
  ],
  ['an unknown field', { memroy: {} }, /unknown field "spec\.memroy"/],
]

describe('refusals', () => {
  for (const [title, spec, message] of refused) {
    story(`${title} is refused with the field and the fix`, async ({ cluster, tenant }) => {
      const result = await cluster.kubectl(['apply', '-f', '-'], tenant('cache').manifest(spec))
      assert.equal(result.exitCode, 1)
      assert.match(result.stderr, message)
    })
  }

  story('a name that is too long is refused', async ({ cluster, tenant }) => {
    const manifest = tenant('x'.repeat(41)).manifest({})
    const result = await cluster.kubectl(['apply', '-f', '-'], manifest)
    assert.match(result.stderr, /at most 40 characters/)
  })

  story('a change of the pool is refused with the way out', async ({ cluster, tenant }) => {
    const cache = await tenant('cache').apply()
    const result = await cluster.kubectl(['apply', '-f', '-'], cache.manifest({ pool: 'other' }))
    assert.equal(result.exitCode, 1)
    assert.match(result.stderr, /create a TenantNode of another name in the other pool instead/)
  })

  story('a missing pool is said in the status', async ({ cluster, namespace, tenant }) => {
    await tenant('cache').apply({ pool: 'nowhere' })
    await kubectl(cluster, [
      ...['wait', 'tn/cache', '-n', namespace, '--timeout=30s'],
      '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=PoolMissing',
    ])
  })

  story('huge annotations and null bytes are refused', async ({ cluster, tenant }) => {
    const object = JSON.parse(tenant('cache').manifest({}))
    object.metadata.annotations = { note: 'x'.repeat(300_000) }
    const create = ['create', '-f', '-']
    const huge = await cluster.kubectl(create, JSON.stringify(object))
    assert.equal(huge.exitCode, 1)
    assert.match(huge.stderr, /metadata\.annotations: Too long/)
    object.metadata.annotations = {}
    object.spec = { pool: 'a\u0000b' }
    const zero = await cluster.kubectl(create, JSON.stringify(object))
    assert.equal(zero.exitCode, 1)
  })
})
