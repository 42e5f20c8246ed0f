/** One member of a pool as both reconcilers see it: its pod, its node's zone, what it said itself. */
import { labels, memberName, TENANTS_PER_MEMBER_MAX } from '@miniredis/crds'
import type { Stored } from '../kube/object.ts'
import type { Pod, RuntimePool } from '../kube/resources.ts'
import type { PlacementMember } from '../placement/placement.ts'
import type { MemberReport } from '../runtime-client/member-report.ts'

/** A pod may take so long to become ready before new tenants are placed elsewhere. */
export const START_GRACE_MS = 60_000

/** Generations above the first appear when a volume is abandoned, which nothing does yet. */
export const FIRST_GENERATION = 1

export interface MemberView {
  readonly name: string
  readonly pod: Stored<Pod> | undefined
  readonly zone: string | undefined
  /** What the control link delivered from this very pod; undefined while it delivered nothing. */
  readonly report: MemberReport | undefined
}

export const wantedMembers = ({ metadata, spec }: RuntimePool): readonly string[] =>
  Array.from({ length: spec.members }, (_, index) =>
    memberName(metadata.name, index, FIRST_GENERATION),
  )

export const memberOf = ({ metadata }: Pod): string => metadata.labels?.[labels.member] ?? ''

export const isGoing = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined

export const isPodReady = (pod: Pod): boolean =>
  !isGoing(pod) &&
  (pod.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True')

/** The report, as long as it is about the pod that is there now. */
export const reportOfPod = (
  report: MemberReport | undefined,
  pod: Stored<Pod> | undefined,
): MemberReport | undefined => (report?.podUid === pod?.metadata.uid ? report : undefined)

/** In one sentence without its end why a member does not serve; undefined when it does. */
export function memberTrouble({ name, pod, report }: MemberView): string | undefined {
  if (pod === undefined) return `pod ${name} does not exist`
  if (isGoing(pod)) return `pod ${name} is being replaced`
  if (!isPodReady(pod)) return `pod ${name} is not ready`
  const phase = report?.connected ? report.engine?.phase : undefined
  if (phase !== undefined && phase !== 'running') return `the engine of pod ${name} is ${phase}`
  return undefined
}

/** Members on which a new shard may be placed: wanted ones that are ready or still starting. */
export function placementMembers(
  pool: Stored<RuntimePool>,
  members: readonly MemberView[],
  nowMs: number,
): readonly PlacementMember[] {
  return wantedMembers(pool).flatMap((name) => {
    const view = members.find((member) => member.name === name)
    const isStarting = nowMs - createdMs(view?.pod ?? pool) < START_GRACE_MS
    if (view?.pod !== undefined && isGoing(view.pod)) return []
    if (!isStarting && (view === undefined || memberTrouble(view) !== undefined)) return []
    return [{ name, weight: 1, zone: view?.zone, copies: 0, copiesMax: TENANTS_PER_MEMBER_MAX }]
  })
}

const createdMs = ({ metadata }: Pod | RuntimePool): number =>
  Date.parse(metadata.creationTimestamp ?? '') || 0
