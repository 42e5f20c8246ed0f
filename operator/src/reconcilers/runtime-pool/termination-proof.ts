/*
 * Whether every engine of a pod has ended for good (AUTHORITY 14). Pure.
 *
 * Only then may the finalizer go, and with it the name and the volume to the next pod. What is not
 * proof: that the pod is gone from the API, its deletion, its phase alone (the pod garbage collector
 * writes it too), lastState (an earlier run), ContainerStatusUnknown (the kubelet does not know), a
 * node that is not ready, a connection that broke. A wrong yes lets two processes use one volume; a
 * wrong no only waits.
 */

import { RUNTIME_CONTAINER_NAME } from '../../builders/runtime-pod.ts'
import type { KubeNode, Pod } from '../../kube/resources.ts'
import type { MemberReport } from '../../runtime-client/member-report.ts'
import { isGoing } from '../members.ts'

export type TerminationProof =
  /** The kubelet saw the container end and restarts nothing in this pod any more. */
  | 'ContainerTerminated'
  /** The supervisor, told to stop, waited for its engine's end and said so. */
  | 'EngineExited'
  /** No process was ever started from this pod, and none will be. */
  | 'NeverStarted'
  /** A person declared the node out of service, which promises that nothing runs there. */
  | 'NodeOutOfService'

export interface TerminationEvidence {
  readonly pod: Pod
  /** Of this very pod. */
  readonly report: MemberReport | undefined
  readonly node: KubeNode | undefined
}

const OUT_OF_SERVICE_TAINT = 'node.kubernetes.io/out-of-service'
const UNKNOWN_REASON = 'ContainerStatusUnknown'

export function proofOfTermination(evidence: TerminationEvidence): TerminationProof | undefined {
  const { pod, report, node } = evidence
  if (wasNeverStarted(pod)) return 'NeverStarted'
  if (hasTerminated(pod)) return 'ContainerTerminated'
  if (isGoing(pod) && hasEngineStopped(report)) return 'EngineExited'
  if (isGoing(pod) && isOutOfService(node)) return 'NodeOutOfService'
  return undefined
}

/** Ended, and in a pod of terminal phase: without that the kubelet might start it again. */
export function hasTerminated(pod: Pod): boolean {
  const container = runtimeContainer(pod)
  const terminated = container?.state?.terminated
  if (terminated === undefined || !isTerminal(pod)) return false
  const wasRun = Boolean(terminated.containerID ?? container?.containerID)
  return wasRun && terminated.reason !== UNKNOWN_REASON
}

/**
 * Two cases. A pod without a node that is being deleted: the API binds it to no node any more. And a
 * pod that the kubelet itself closed without any trace of a container: it was refused, or deleted
 * before its image was there. What the pod garbage collector closed says nothing about the node.
 */
function wasNeverStarted(pod: Pod): boolean {
  if (!pod.spec?.nodeName) return isGoing(pod)
  if (!isTerminal(pod) || isClosedByOthers(pod)) return false
  return (pod.status?.containerStatuses ?? []).every(
    ({ containerID, restartCount, state, lastState }) =>
      !containerID && restartCount === 0 && !state?.running && !lastState?.terminated,
  )
}

export const isTerminal = ({ status }: Pod): boolean =>
  status?.phase === 'Failed' || status?.phase === 'Succeeded'

function isClosedByOthers({ status }: Pod): boolean {
  if (status?.reason === 'NodeLost') return true
  return (status?.conditions ?? []).some(
    ({ type, reason }) => type === 'DisruptionTarget' && reason === 'DeletionByPodGC',
  )
}

/**
 * The last engine that the supervisor started ended with code 0, which it does only when told to
 * stop. An engine that crashed proves nothing here: its supervisor starts the next one.
 */
function hasEngineStopped(report: MemberReport | undefined): boolean {
  const last = report?.engine?.bootNonce
  return (report?.exits ?? []).some(
    ({ podUid, bootNonce, exitCode }) =>
      podUid === report?.podUid && bootNonce === last && exitCode === 0,
  )
}

const isOutOfService = (node: KubeNode | undefined): boolean =>
  (node?.spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE_TAINT)

const runtimeContainer = ({ status }: Pod) =>
  status?.containerStatuses?.find(({ name }) => name === RUNTIME_CONTAINER_NAME)
