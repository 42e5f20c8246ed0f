/** From what the kubelet knows of a pod's containers to the pod's status. Pure. */
import { timestamp } from '../clock.ts'
import type {
  ContainerStatus,
  ContainerTerminated,
  Pod,
  PodCondition,
  PodStatus,
} from '../kinds.ts'

export type ContainerState =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message?: string | undefined }
  | { readonly kind: 'running'; readonly startedAt: number }
  | { readonly kind: 'terminated'; readonly terminated: ContainerTerminated }

export interface ContainerView {
  readonly name: string
  readonly image: string
  readonly state: ContainerState
  /** How the run before this one ended. */
  readonly lastTerminated?: ContainerTerminated | undefined
  readonly restartCount: number
  readonly isStarted: boolean
  readonly isReady: boolean
  readonly containerId?: string | undefined
}

export interface PodView {
  readonly pod: Pod
  readonly containers: readonly ContainerView[]
  readonly podIP?: string | undefined
  readonly hostIP: string
  readonly now: number
}

const RUNTIME_SCHEME = 'process://'

export const containerIdText = (id: string): string => `${RUNTIME_SCHEME}${id}`

/** The whole new status; what others wrote into the old one stays. */
export function buildPodStatus(view: PodView): PodStatus {
  const { pod, podIP, hostIP, now } = view
  const phase = podPhase(view)
  return {
    ...pod.status,
    phase,
    hostIP,
    hostIPs: [{ ip: hostIP }],
    ...(podIP !== undefined && { podIP, podIPs: [{ ip: podIP }] }),
    startTime: pod.status.startTime ?? timestamp(now),
    conditions: mergeConditions(pod.status.conditions ?? [], podConditions(view, phase), now),
    containerStatuses: view.containers.map(containerStatus),
  }
}

function containerStatus(container: ContainerView): ContainerStatus {
  const { state, lastTerminated, containerId } = container
  return {
    name: container.name,
    image: container.image,
    imageID: container.image,
    state: stateObject(state),
    lastState: lastTerminated === undefined ? {} : { terminated: lastTerminated },
    ready: container.isReady,
    started: container.isStarted,
    restartCount: container.restartCount,
    ...(containerId !== undefined && { containerID: containerIdText(containerId) }),
  }
}

function stateObject(state: ContainerState): ContainerStatus['state'] {
  switch (state.kind) {
    case 'waiting': {
      const { reason, message } = state
      return { waiting: { reason, ...(message !== undefined && { message }) } }
    }
    case 'running':
      return { running: { startedAt: timestamp(state.startedAt) } }
    case 'terminated':
      return { terminated: state.terminated }
  }
}

/**
 * As the kubelet's getPhase: Pending until every container has run once; then the restart policy
 * says whether ended containers mean Running, Succeeded or Failed. A pod that is being deleted has
 * no restarts any more.
 */
export function podPhase({ pod, containers }: Pick<PodView, 'pod' | 'containers'>): string {
  const isDeleted = pod.metadata.deletionTimestamp !== undefined
  const states = containers.map(({ state }) => state)
  if (states.some(({ kind }) => kind === 'running'))
    return isPending(containers) ? 'Pending' : 'Running'
  if (isPending(containers)) return isDeleted ? 'Failed' : 'Pending'
  const policy = isDeleted ? 'Never' : pod.spec.restartPolicy
  const codes = states.map((state) =>
    state.kind === 'terminated' ? state.terminated.exitCode : undefined,
  )
  const hasSucceeded = codes.every((code) => code === 0)
  if (codes.includes(undefined) || policy === 'Always') return isDeleted ? 'Failed' : 'Running'
  if (hasSucceeded) return 'Succeeded'
  return policy === 'Never' ? 'Failed' : 'Running'
}

const isPending = (containers: readonly ContainerView[]): boolean =>
  containers.some(({ state, lastTerminated }) => state.kind === 'waiting' && !lastTerminated)

type ConditionFacts = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>

function podConditions({ containers, podIP }: PodView, phase: string): readonly ConditionFacts[] {
  const unready = containers.filter(({ isReady }) => !isReady).map(({ name }) => name)
  const readiness: Omit<ConditionFacts, 'type'> =
    phase === 'Succeeded'
      ? { status: 'False', reason: 'PodCompleted' }
      : phase === 'Failed'
        ? { status: 'False', reason: 'PodFailed' }
        : unready.length === 0
          ? { status: 'True' }
          : {
              status: 'False',
              reason: 'ContainersNotReady',
              message: `containers with unready status: [${unready.join(' ')}]`,
            }
  return [
    { type: 'PodReadyToStartContainers', status: podIP === undefined ? 'False' : 'True' },
    { type: 'Initialized', status: 'True' },
    { type: 'Ready', ...readiness },
    { type: 'ContainersReady', ...readiness },
    { type: 'PodScheduled', status: 'True' },
  ]
}

/** Times move only where the status flips. */
function mergeConditions(
  before: readonly PodCondition[],
  facts: readonly ConditionFacts[],
  now: number,
): PodCondition[] {
  const known = new Map(before.map((condition) => [condition.type, condition]))
  const merged = facts.map(({ type, status, reason, message }) => {
    const old = known.get(type)
    const isSame = old?.status === status && old.lastTransitionTime !== undefined
    return {
      type,
      status,
      lastTransitionTime: isSame ? old.lastTransitionTime : timestamp(now),
      ...(reason !== undefined && { reason }),
      ...(message !== undefined && { message }),
    }
  })
  const types = new Set(facts.map(({ type }) => type))
  return [...before.filter(({ type }) => !types.has(type)), ...merged]
}
