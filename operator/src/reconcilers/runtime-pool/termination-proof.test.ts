import assert from 'node:assert/strict'
import type { KubeNode, Pod } from '../../kube/resources.ts'
import type { MemberReport } from '../../runtime-client/member-report.ts'
import { proofOfTermination, type TerminationProof } from './termination-proof.ts'

type PodStatus = NonNullable<Pod['status']>
type ContainerStatus = NonNullable<PodStatus['containerStatuses']>[number]

const container = (more: Partial<ContainerStatus>): ContainerStatus => ({
  name: 'runtime',
  image: 'i',
  imageID: 'i',
  ready: false,
  restartCount: 0,
  ...more,
})
const ran = { containerID: 'containerd://1' }
const terminated = { exitCode: 137, containerID: 'containerd://1' }

interface Case {
  readonly status?: Partial<PodStatus>
  readonly container?: Partial<ContainerStatus>
  readonly deleted?: boolean
  readonly node?: string | undefined
  readonly exits?: MemberReport['exits']
  readonly taint?: string
}

function judge({ status, deleted = true, node = 'node-a', exits, taint, ...more }: Case) {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      uid: 'u',
      ...(deleted && { deletionTimestamp: '2030-01-01T00:00:00Z' }),
    },
    spec: { containers: [], ...(node !== '' && { nodeName: node }) },
    status: {
      phase: 'Running',
      ...(more.container && { containerStatuses: [container(more.container)] }),
      ...status,
    },
  } as unknown as Pod
  const report =
    exits && ({ podUid: 'u', engine: { bootNonce: 'b2' }, exits } as unknown as MemberReport)
  const taints = [{ key: taint, effect: 'NoExecute' }]
  const known = taint && ({ spec: { taints } } as unknown as KubeNode)
  return proofOfTermination({ pod, report, node: known || undefined })
}

const exit = (more: Partial<MemberReport['exits'][number]>) => [
  { podUid: 'u', bootNonce: 'b2', exitCode: 0, signal: null, ...more },
]
const closedByCollector = [
  { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC' },
] as PodStatus['conditions']
const unknownEnd = { exitCode: 137, reason: 'ContainerStatusUnknown' }

const cases: readonly [title: string, facts: Case, proof: TerminationProof | undefined][] = [
  ['a running container', { container: { ...ran, state: { running: {} } } }, undefined],
  [
    'an ended container in a pod that has ended',
    { status: { phase: 'Failed' }, container: { ...ran, state: { terminated } } },
    'ContainerTerminated',
  ],
  [
    'an ended container that the kubelet may start again',
    { container: { ...ran, state: { terminated } } },
    undefined,
  ],
  [
    'the end of an earlier run',
    { container: { ...ran, state: { running: {} }, lastState: { terminated } } },
    undefined,
  ],
  [
    'an end that the kubelet does not know',
    {
      status: { phase: 'Failed' },
      container: { ...ran, state: { terminated: { ...unknownEnd, ...ran } } },
    },
    undefined,
  ],
  ['a phase alone', { status: { phase: 'Failed' }, container: { ...ran, state: {} } }, undefined],
  ['deletion alone', {}, undefined],
  ['a pod that was never given a node', { node: '' }, 'NeverStarted'],
  ['a pod without a node that may still get one', { node: '', deleted: false }, undefined],
  [
    'a pod that the kubelet refused',
    { deleted: false, status: { phase: 'Failed', reason: 'OutOfcpu' } },
    'NeverStarted',
  ],
  [
    'a pod deleted before its image was there',
    { status: { phase: 'Failed' }, container: { state: { waiting: { reason: 'ErrImagePull' } } } },
    'NeverStarted',
  ],
  [
    'a pod whose container the kubelet never found',
    { status: { phase: 'Failed' }, container: { state: { terminated: unknownEnd } } },
    'NeverStarted',
  ],
  [
    'a pod that waits for its image',
    { container: { state: { waiting: { reason: 'ImagePullBackOff' } } } },
    undefined,
  ],
  [
    'a pod that the garbage collector closed',
    { status: { phase: 'Failed', conditions: closedByCollector } },
    undefined,
  ],
  ['a pod of a lost node', { status: { phase: 'Failed', reason: 'NodeLost' } }, undefined],
  ['the engine told to stop has ended', { exits: exit({}) }, 'EngineExited'],
  ['an engine that crashed', { exits: exit({ exitCode: null, signal: 'SIGKILL' }) }, undefined],
  ['an engine before the present one', { exits: exit({ bootNonce: 'b1' }) }, undefined],
  ['an engine of another pod', { exits: exit({ podUid: 'v' }) }, undefined],
  ['an engine that ended in a pod that stays', { exits: exit({}), deleted: false }, undefined],
  [
    'a node that is out of service',
    { taint: 'node.kubernetes.io/out-of-service' },
    'NodeOutOfService',
  ],
  ['a node that is not reachable', { taint: 'node.kubernetes.io/unreachable' }, undefined],
]

describe('proof of termination', () => {
  for (const [title, facts, proof] of cases)
    it(`${title}: ${proof ?? 'no'}`, () => assert.equal(judge(facts), proof))
})
