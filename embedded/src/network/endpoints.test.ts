import assert from 'node:assert/strict'
import { endpointSliceSchema, podSchema, serviceSchema } from '../kinds.ts'
import { buildEndpointSlice, resolveEndpoints } from './endpoints.ts'

const metadata = (name: string, labels?: Record<string, string>) => ({
  name,
  namespace: 'default',
  uid: `uid-${name}`,
  ...(labels && { labels }),
})

const pod = (name: string, podIP: string | undefined, ready: boolean, more: object = {}) =>
  podSchema.parse({
    metadata: { ...metadata(name, { app: 'cache' }), ...more },
    spec: {
      nodeName: 'node-a',
      containers: [{ name: 'main', ports: [{ name: 'redis', containerPort: 6379 }] }],
    },
    status: {
      phase: 'Running',
      ...(podIP && { podIP }),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  })

const service = serviceSchema.parse({
  metadata: metadata('cache'),
  spec: {
    selector: { app: 'cache' },
    ports: [
      { name: 'redis', port: 80, targetPort: 'redis' },
      { name: 'plain', port: 9121 },
    ],
  },
})

describe('endpoint slices', () => {
  const build = (...pods: ReturnType<typeof pod>[]) =>
    buildEndpointSlice(service, { app: 'cache' }, pods)

  it('hold the selected pods that have an address, sorted', () => {
    const other = podSchema.parse({ ...pod('x', '127.64.0.9', true), metadata: metadata('x') })
    const slice = build(
      pod('b', '127.64.0.2', false),
      other,
      pod('a', '127.64.0.1', true),
      pod('c', undefined, true),
    )
    assert.deepEqual(
      slice.endpoints.map(({ addresses, conditions }) => [addresses[0], conditions.ready]),
      [
        ['127.64.0.1', true],
        ['127.64.0.2', false],
      ],
    )
    assert.deepEqual(
      slice.ports.map(({ name, port }) => [name, port]),
      [
        ['redis', 6379],
        ['plain', 9121],
      ],
    )
  })

  it('take terminating pods out of service', () => {
    const slice = build(pod('a', '127.64.0.1', true, { deletionTimestamp: 'now' }))
    const conditions = slice.endpoints[0]?.conditions
    assert.deepEqual(conditions, { ready: false, serving: true, terminating: true })
  })

  it('resolve to the ready endpoints of a port', () => {
    const slices = [
      endpointSliceSchema.parse({
        metadata: metadata('s'),
        endpoints: [
          { addresses: ['127.64.0.2'] },
          { addresses: ['127.64.0.1'], conditions: { ready: true } },
          { addresses: ['127.64.0.3'], conditions: { ready: false } },
        ],
        ports: [{ name: 'redis', port: 6379 }],
      }),
      endpointSliceSchema.parse({ metadata: metadata('empty'), endpoints: null, ports: null }),
    ]
    assert.deepEqual(resolveEndpoints(slices, { name: 'redis' }), [
      { host: '127.64.0.1', port: 6379 },
      { host: '127.64.0.2', port: 6379 },
    ])
    assert.deepEqual(resolveEndpoints(slices, {}), [])
  })
})
