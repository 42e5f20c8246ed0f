import assert from 'node:assert/strict'
import { claimSchema, nodeSchema, podSchema } from '../kinds.ts'
import { chooseNode, type SchedulingWorld, selectedNodeAnnotation } from './choice.ts'

const metadata = (name: string, more: object = {}) => ({
  name,
  namespace: 'default',
  uid: `uid-${name}`,
  ...more,
})
const ready = [{ type: 'Ready', status: 'True' }]
const node = (name: string, zone: string, spec: object = {}, conditions: object[] = ready) =>
  nodeSchema.parse({
    metadata: metadata(name, {
      labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': zone },
    }),
    spec,
    status: { conditions },
  })
const nodes = [node('node-a', 'zone-a'), node('node-b', 'zone-b'), node('node-c', 'zone-c')]
const labels = { app: 'pool' }
const pod = (spec: object = {}, nodeName?: string) =>
  podSchema.parse({
    metadata: metadata('p', { labels }),
    spec: { containers: [{ name: 'main' }], ...(nodeName && { nodeName }), ...spec },
  })
const spread = (whenUnsatisfiable: string) => ({
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable,
      labelSelector: { matchLabels: labels },
    },
  ],
})

const choose = (spec: object, world: Partial<SchedulingWorld> = {}) => {
  const choice = chooseNode(pod(spec), { nodes, pods: [], claims: [], ...world })
  return choice.kind === 'node' ? choice.node.metadata.name : choice.message
}

describe('choice of a node', () => {
  it('spreads over zones, then takes the emptiest, then the first name', () => {
    const pods = [pod({}, 'node-a'), pod({}, 'node-b')]
    assert.equal(choose(spread('ScheduleAnyway'), { pods }), 'node-c')
    assert.equal(choose({}, { pods: [pod({}, 'node-a')] }), 'node-b')
    assert.equal(choose({}), 'node-a')
  })

  it('holds a strict spread and says so', () => {
    const only = [node('node-a', 'zone-a'), node('node-b', 'zone-b', { unschedulable: true })]
    const message = choose(spread('DoNotSchedule'), { nodes: only, pods: [pod({}, 'node-a')] })
    assert.match(message, /^0\/2 nodes are available: 1 node\(s\) didn't match pod topology spread/)
    assert.match(message, /1 node\(s\) were unschedulable/)
  })

  it('honours selectors and affinity', () => {
    const zone = 'topology.kubernetes.io/zone'
    const term = (operator: string, values: string[]) => ({
      matchExpressions: [{ key: zone, operator, values }],
    })
    const required = (one: object) => ({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [one] },
        },
      },
    })
    assert.equal(choose({ nodeSelector: { [zone]: 'zone-b' } }), 'node-b')
    assert.equal(choose(required(term('In', ['zone-c']))), 'node-c')
    assert.equal(choose(required(term('NotIn', ['zone-a']))), 'node-b')
    const preferred = [{ weight: 10, preference: term('In', ['zone-c']) }]
    const affinity = {
      nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred },
    }
    assert.equal(choose({ affinity }), 'node-c')
    assert.match(choose({ nodeSelector: { disk: 'ssd' } }), /3 node\(s\) didn't match Pod's node/)
  })

  it('avoids nodes that are not ready or tainted, unless tolerated', () => {
    const tainted = { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] }
    const few = [node('node-a', 'a', {}, []), node('node-b', 'b', tainted)]
    assert.match(choose({}, { nodes: few }), /not ready.*untolerated taints/)
    const tolerations = [{ key: 'k', operator: 'Exists' }]
    assert.equal(choose({ tolerations }, { nodes: few }), 'node-b')
    assert.match(choose({}, { nodes: [] }), /there are no nodes/)
  })

  it('goes where its volume is, and waits for a volume that does not exist', () => {
    const claim = claimSchema.parse({
      metadata: metadata('data', { annotations: { [selectedNodeAnnotation]: 'node-c' } }),
      spec: {},
    })
    assert.equal(choose({}, { claims: [{ name: 'data', claim }] }), 'node-c')
    const claims = [{ name: 'data', claim: undefined }]
    assert.equal(choose({}, { claims }), 'persistentvolumeclaim "data" not found')
  })
})
