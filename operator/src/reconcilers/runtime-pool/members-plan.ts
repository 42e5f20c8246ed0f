/** Which members a pool needs, and what to do about each of their objects. Pure. */

import { terminationProofFinalizer } from '@miniredis/crds'
import { isControlledBy, type PoolOwner } from '../../builders/owned-metadata.ts'
import { buildRuntimePod, templateHashOf } from '../../builders/runtime-pod.ts'
import type { KubeObject, Stored } from '../../kube/object.ts'
import type { Pod } from '../../kube/resources.ts'
import type { MemberTarget } from '../../runtime-client/member-report.ts'
import { countCopies } from '../../shard-maps/shard-table.ts'
import { storageOf } from '../member-storage.ts'
import { isGoing, isPodReady, wantedMembers } from '../members.ts'
import type { Observed, PoolMember } from './observe.ts'
import { isTerminal, proofOfTermination, type TerminationProof } from './termination-proof.ts'

export type MemberStep =
  /** Issues a certificate and writes the Secret that holds it. */
  | { readonly kind: 'issueCertificate'; readonly member: string; readonly isNew: boolean }
  | { readonly kind: 'createVolume'; readonly member: string }
  | { readonly kind: 'createPod'; readonly member: string }
  | { readonly kind: 'deletePod'; readonly pod: Stored<Pod>; readonly why: PodEnd }
  /** Takes the finalizer off: the pod's name and volume are free. */
  | { readonly kind: 'releasePod'; readonly pod: Stored<Pod>; readonly proof: TerminationProof }
  | { readonly kind: 'removeMember'; readonly member: string }
  | { readonly kind: 'link'; readonly member: string; readonly target: MemberTarget }
  | { readonly kind: 'unlink'; readonly member: string }

export type PodEnd = 'Ended' | 'TemplateChanged' | 'ScaledDown'

/** Links go by what there is, whatever is wanted. */
export function planLinks({ name, members, linked }: Observed): readonly MemberStep[] {
  const links = members.flatMap(({ name: member, pod }): MemberStep[] => {
    const address = pod?.status?.podIP
    if (pod === undefined || address === undefined) return []
    return [{ kind: 'link', member, target: { pool: name, address, podUid: pod.metadata.uid } }]
  })
  const present = new Set(members.map((view) => view.name))
  const gone = [...linked].filter((member) => !present.has(member)).sort()
  return [...links, ...gone.map((member): MemberStep => ({ kind: 'unlink', member }))]
}

/** Pods whose engines have provably ended may go, whoever deleted them, pool or no pool. */
export const planReleases = ({ members }: Observed): readonly MemberStep[] =>
  members.flatMap((member): MemberStep[] => {
    const { pod } = member
    const proof = pod && isGoing(pod) ? proofOf(member) : undefined
    const isHeld = pod?.metadata.finalizers?.includes(terminationProofFinalizer)
    return pod && proof && isHeld ? [{ kind: 'releasePod', pod, proof }] : []
  })

const proofOf = ({ pod, report, node }: PoolMember) =>
  pod === undefined ? undefined : proofOfTermination({ pod, report, node })

/** Wanted by the specification, or holding shards, which nothing can take over yet. */
export function neededMembers(pool: PoolOwner, { records }: Observed): readonly string[] {
  const holding = [...countCopies(records).keys()].sort()
  return [...new Set([...wantedMembers(pool), ...holding])]
}

/** Members above the wanted number that hold shards and so stay. */
export function blockedMembers(pool: PoolOwner, seen: Observed): readonly string[] {
  const wanted = new Set(wantedMembers(pool))
  return neededMembers(pool, seen).filter((member) => !wanted.has(member))
}

/**
 * What a needed member lacks: certificate, volume, pod, in this order. An object of a former pool
 * of this name has to go first, as garbage; its successor has the same name.
 */
export function planMember(pool: PoolOwner, member: string, seen: Observed): readonly MemberStep[] {
  const pod = seen.members.find(({ name }) => name === member)?.pod
  const certificate = standingOf(seen.certificates.get(member), pool)
  const volume = standingOf(seen.volumes.get(member), pool)
  const steps: MemberStep[] = []
  if (certificate === 'absent') steps.push({ kind: 'issueCertificate', member, isNew: true })
  if (certificate === 'present' && seen.dueCertificates.has(member))
    steps.push({ kind: 'issueCertificate', member, isNew: false })
  if (volume === 'absent') steps.push({ kind: 'createVolume', member })
  if (pod === undefined && certificate !== 'leaving' && volume !== 'leaving')
    steps.push({ kind: 'createPod', member })
  if (pod !== undefined && !isGoing(pod) && isTerminal(pod))
    steps.push({ kind: 'deletePod', pod, why: 'Ended' })
  return steps
}

function standingOf(object: Stored<KubeObject> | undefined, pool: PoolOwner) {
  if (object === undefined) return 'absent'
  const isLeaving = object.metadata.deletionTimestamp !== undefined || !isControlledBy(object, pool)
  return isLeaving ? 'leaving' : 'present'
}

/** Members that nobody needs: the pod first, and once it is gone everything else. */
export function planRemovals(pool: PoolOwner, seen: Observed): readonly MemberStep[] {
  const needed = new Set(neededMembers(pool, seen))
  const known = new Set([
    ...seen.members.map(({ name }) => name),
    ...seen.volumes.keys(),
    ...seen.certificates.keys(),
  ])
  const surplus = [...known].filter((member) => member !== '' && !needed.has(member)).sort()
  return surplus.flatMap((member): MemberStep[] => {
    const pod = seen.members.find(({ name }) => name === member)?.pod
    if (pod === undefined) return isRemoved(member, seen) ? [] : [{ kind: 'removeMember', member }]
    return isGoing(pod) ? [] : [{ kind: 'deletePod', pod, why: 'ScaledDown' }]
  })
}

const isRemoved = (member: string, { volumes, certificates }: Observed): boolean =>
  [volumes.get(member), certificates.get(member)].every(
    (object) => object === undefined || object.metadata.deletionTimestamp !== undefined,
  )

/**
 * Replaces at most one member whose template is another one than wanted. Nothing is touched while a
 * member is missing, going, or, though of the new template, does not serve its tenants: so a bad
 * template stops at its first pod. Pods that do not work anyway go first.
 */
export function planReplacement(pool: PoolOwner, seen: Observed): readonly MemberStep[] {
  const needed = neededMembers(pool, seen)
  const views = needed.map((member) => seen.members.find(({ name }) => name === member))
  const isOutdated = (view: PoolMember): boolean => {
    const wanted = buildRuntimePod({ pool, member: view.name, defaultImage: seen.defaultImage })
    return view.pod !== undefined && templateHashOf(view.pod) !== templateHashOf(wanted)
  }
  const outdated: PoolMember[] = []
  for (const view of views) {
    if (view?.pod === undefined || isGoing(view.pod)) return []
    if (isOutdated(view)) outdated.push(view)
    else if (!isServing(view, seen)) return []
  }
  const broken = outdated.filter((view) => !isServing(view, seen))
  const [next] = [...broken, ...outdated]
  return next?.pod === undefined
    ? []
    : [{ kind: 'deletePod', pod: next.pod, why: 'TemplateChanged' }]
}

/** Ready, and serving every shard that the records give it: none is still read, none is damaged. */
export function isServing(member: PoolMember, { records }: Observed): boolean {
  const { name, pod, report } = member
  if (pod === undefined || !isPodReady(pod)) return false
  const own = records.filter(({ primary, phase }) => primary.member === name && phase === 'Serving')
  if (own.length === 0) return true
  if (!report?.connected) return false
  const { loading = [], damaged = [] } = storageOf(member) ?? {}
  if (loading.length > 0 || damaged.length > 0) return false
  return own.every(
    ({ tenantUid, shard, epoch }) => report.held.get(`${tenantUid}/${shard}`)?.epoch === epoch,
  )
}
