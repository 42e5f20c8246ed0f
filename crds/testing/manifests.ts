/**
 * Random specs, right and wrong, for holding zod and an API server against each other: what one
 * accepts the other must accept.
 */
import fc from 'fast-check'

/** Mostly values of the right form, some at and beyond each bound, some of a wrong type. */
const oneOf = (right: readonly unknown[], wrong: readonly unknown[]) =>
  fc.oneof(
    { arbitrary: fc.constantFrom(...right), weight: 8 },
    { arbitrary: fc.constantFrom(...wrong), weight: 1 },
  )

const size = oneOf(
  ['1Mi', '64Mi', '999999Gi', '512Mi'],
  ['64', '0Mi', '64mi', '1.5Gi', '1000000Gi', '', 64, true, ['64Mi'], '64Mi\n', 'x'.repeat(20)],
)

const optional = (fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(fields, { requiredKeys: [] })

const badObject = fc.constantFrom<unknown>('text', 1, true, [])

const section = (fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.oneof({ arbitrary: optional(fields), weight: 12 }, { arbitrary: badObject, weight: 1 })

const count = (min: number, max: number) =>
  oneOf([min, min + 1, max - 1, max], [min - 1, max + 1, 1.5, '1', false, 1e300, -1])

const tenantNodeSpec = section({
  pool: oneOf(
    ['default', 'a', 'pool-2', `a${'b'.repeat(39)}`],
    ['', 'A', '-a', 'a-', '1a', 'a'.repeat(41), 3],
  ),
  memory: section({ limit: size }),
  limits: section({ connections: count(1, 10_000) }),
  databases: count(1, 16),
  endpoint: section({
    type: oneOf(['ClusterIP', 'NodePort', 'LoadBalancer'], ['clusterip', '', 1, 'ExternalName']),
    port: count(1, 65_535),
  }),
  persistence: section({
    mode: oneOf(['None', 'Snapshot', 'Log', 'Both'], ['none', '', 1]),
    save: oneOf(
      [[], ['300 100'], ['3600 1', '60 10000']],
      ['300 100', ['300'], ['0 1'], ['1 0'], ['1  1'], [1], Array(9).fill('1 1')],
    ),
    fsync: oneOf(['Always', 'EverySecond', 'No'], ['no', 'everysec', true]),
  }),
  deletionPolicy: oneOf(['Delete', 'Retain'], ['delete', '', 'Snapshot']),
})

const amounts = section({ cpu: oneOf(['1', '500m'], ['0', 'm', '1.5', 1, '']), memory: size })

const runtimePoolSpec = section({
  members: count(1, 64),
  image: oneOf(['a', 'localhost/miniredis:1'], ['', 1, 'x'.repeat(513)]),
  imagePullPolicy: oneOf(['Always', 'IfNotPresent', 'Never'], ['always', '']),
  resources: section({ requests: amounts, limits: amounts }),
  storage: section({ size, storageClassName: oneOf(['', 'fast'], [1, 'x'.repeat(254)]) }),
})

export interface RandomManifest {
  readonly kind: 'TenantNode' | 'RuntimePool'
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly spec?: unknown
}

const objectName = oneOf(['cache', 'a', `a${'b'.repeat(39)}`], [`a${'b'.repeat(40)}`, '1a'])

const manifestOf = (kind: RandomManifest['kind'], spec: fc.Arbitrary<unknown>, namespace: string) =>
  fc.record(
    {
      kind: fc.constant(kind),
      metadata: fc.record({
        name: objectName as fc.Arbitrary<string>,
        namespace: fc.constant(namespace),
      }),
      spec,
    },
    { requiredKeys: ['kind', 'metadata'] },
  )

/** A manifest for creation in `namespace`. */
export const randomManifest = (namespace: string): fc.Arbitrary<RandomManifest> =>
  fc.oneof(
    manifestOf('TenantNode', tenantNodeSpec, namespace),
    manifestOf('RuntimePool', runtimePoolSpec, namespace),
  )
