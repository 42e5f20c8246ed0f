/** The status of a pool, from what was observed and planned. Pure. */
import {
  annotations,
  type Condition,
  labels,
  managedByMiniRedis,
  RETAINED_LISTED_MAX,
  type RuntimePoolStatus,
  type ShardRecord,
} from '@miniredis/crds'
import type { PoolOwner } from '../../builders/owned-metadata.ts'
import type { Plain } from '../../kube/object.ts'
import { countCopies } from '../../shard-maps/shard-table.ts'
import { buildConditions, type ConditionFact } from '../conditions.ts'
import { isPodReady, memberTrouble, wantedMembers } from '../members.ts'
import { blockedMembers, isServing, neededMembers } from './members-plan.ts'
import type { Observed } from './observe.ts'
import type { OrphanVerdict } from './orphans.ts'
import { classOf, resizingClaims, stuckClaims } from './volumes-plan.ts'

type Status = Plain<RuntimePoolStatus>
const MEMBER_MESSAGE_LENGTH_MAX = 256
/** Named in the condition; with the longest names it still fits. */
const ORPHAN_NAMES_MAX = 3

export interface PoolStatusOptions {
  readonly pool: PoolOwner
  readonly seen: Observed
  readonly orphans: OrphanVerdict
  /** The code of the error that stopped the plan. */
  readonly failure: string | undefined
  readonly nowMs: number
}

export function poolStatus(options: PoolStatusOptions): Status {
  const { pool, seen, orphans, nowMs } = options
  const { generation, name } = pool.metadata
  const members = seen.members.filter(({ pod }) => pod !== undefined)
  const definition = definitionUid(seen, orphans)
  return {
    ...(generation !== undefined && { observedGeneration: generation }),
    conditions: buildConditions(conditionFacts(options), {
      previous: pool.status?.conditions as readonly Condition[] | undefined,
      generation,
      nowMs,
    }),
    replicas: members.length,
    readyReplicas: members.filter(({ pod }) => pod !== undefined && isPodReady(pod)).length,
    selector: `${labels.managedBy}=${managedByMiniRedis},${labels.pool}=${name}`,
    tenants: new Set(seen.records.filter((record) => !isRetained(record)).map(tenantUidOf)).size,
    ...(definition !== undefined && { tenantDefinitionUid: definition }),
    ...retainedStatus(seen),
    members: memberStatuses(pool, seen),
  }
}

const isRetained = ({ phase }: ShardRecord): boolean => phase === 'Retained'
const tenantUidOf = ({ tenantUid }: ShardRecord): string => tenantUid

function retainedStatus({ records }: Observed): Pick<Status, 'retained'> {
  const byUid = new Map(records.filter(isRetained).map((record) => [record.tenantUid, record]))
  const retained = [...byUid.values()]
    .map(({ tenantUid, tenantNamespace: namespace, tenantName: name }) => {
      return { tenantUid, namespace, name }
    })
    .sort((a, b) => (a.tenantUid < b.tenantUid ? -1 : 1))
  return retained.length === 0 ? {} : { retained: retained.slice(0, RETAINED_LISTED_MAX) }
}

/** A new definition is taken over only when no orphan of the old one is left, or all were accepted. */
const definitionUid = ({ orphans }: Observed, { kind }: OrphanVerdict): string | undefined =>
  kind === 'none' || kind === 'remove'
    ? (orphans.definitionUid ?? orphans.knownDefinitionUid)
    : (orphans.knownDefinitionUid ?? orphans.definitionUid)

function memberStatuses(pool: PoolOwner, seen: Observed): NonNullable<Status['members']> {
  const copies = countCopies(seen.records)
  const present = seen.members.map(({ name }) => name)
  const names = [...new Set([...neededMembers(pool, seen), ...present])].sort(byNumber)
  return names.map((name) => {
    const view = seen.members.find((member) => member.name === name)
    const trouble =
      view === undefined ? `pod ${name} does not exist` : (memberTrouble(view) ?? undefined)
    const address = view?.pod?.status?.podIP
    return {
      name,
      ready: trouble === undefined,
      ...(view?.zone !== undefined && { zone: view.zone }),
      ...(address !== undefined && { address }),
      tenants: copies.get(name) ?? 0,
      ...(trouble !== undefined && { message: trouble.slice(0, MEMBER_MESSAGE_LENGTH_MAX) }),
    }
  })
}

const byNumber = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true })

function conditionFacts(options: PoolStatusOptions): readonly ConditionFact[] {
  const { pool, seen } = options
  const lagging = wantedMembers(pool).filter((name) => {
    const view = seen.members.find((member) => member.name === name)
    return view === undefined || memberTrouble(view) !== undefined
  })
  return [
    readyFact(seen, lagging, pool.spec.members),
    reconcilingFact(options, lagging),
    stalledFact(pool, seen),
    orphansFact(pool, seen, options.orphans),
    volumesFact(pool, seen),
  ]
}

function readyFact(
  { invalid }: Observed,
  lagging: readonly string[],
  memberCount: number,
): ConditionFact {
  if (invalid !== undefined)
    return { type: 'Ready', status: 'False', reason: 'InvalidSpec', message: invalid }
  if (lagging.length === 0)
    return {
      type: 'Ready',
      status: 'True',
      reason: 'MembersReady',
      message: 'All members are ready.',
    }
  const message = `${lagging.length} of ${memberCount} members are not ready: ${lagging.join(', ')}.`
  return { type: 'Ready', status: 'False', reason: 'MembersStarting', message }
}

function reconcilingFact(
  { seen, orphans, failure }: PoolStatusOptions,
  lagging: readonly string[],
): ConditionFact {
  const late = seen.members.filter((view) => !isServing(view, seen)).map(({ name }) => name)
  const pending =
    failure !== undefined
      ? `A step failed (${failure}) and is tried again.`
      : lagging.length > 0
        ? `Waiting for ${lagging.join(', ')}.`
        : late.length > 0
          ? `Waiting until ${late.join(', ')} serves its tenants.`
          : orphans.kind === 'settling' || orphans.kind === 'remove'
            ? 'Removing shards of deleted tenants.'
            : undefined
  return pending === undefined || seen.invalid !== undefined
    ? { type: 'Reconciling', status: 'False', reason: 'Settled', message: 'Nothing is left to do.' }
    : { type: 'Reconciling', status: 'True', reason: 'InProgress', message: pending }
}

function stalledFact(pool: PoolOwner, seen: Observed): ConditionFact {
  if (seen.invalid !== undefined)
    return { type: 'Stalled', status: 'True', reason: 'InvalidSpec', message: seen.invalid }
  const blocked = blockedMembers(pool, seen)
  if (blocked.length === 0)
    return {
      type: 'Stalled',
      status: 'False',
      reason: 'Settled',
      message: 'Nothing needs a person.',
    }
  const message = `${blocked.join(', ')} still hold tenants or kept data and stay: delete or remove those, or raise spec.members again.`
  return { type: 'Stalled', status: 'True', reason: 'ScaleDownBlocked', message }
}

function orphansFact(
  pool: PoolOwner,
  { records }: Observed,
  orphans: OrphanVerdict,
): ConditionFact {
  if (orphans.kind !== 'held')
    return {
      type: 'OrphansHeld',
      status: 'False',
      reason: 'NoOrphans',
      message: 'No shard is kept for a tenant that is gone.',
    }
  const { name, namespace } = pool.metadata
  const command = `kubectl -n ${namespace} annotate runtimepool ${name} --overwrite ${annotations.acceptOrphanRemoval}=${orphans.acceptance}`
  const gone = new Set(orphans.tenantUids)
  const names = records
    .filter(({ tenantUid }) => gone.has(tenantUid))
    .map(({ tenantNamespace, tenantName }) => `${tenantNamespace}/${tenantName}`)
    .sort()
  const some = names.slice(0, ORPHAN_NAMES_MAX).join(', ')
  const more = names.length > ORPHAN_NAMES_MAX ? ', ...' : ''
  const message = `Nothing is wiped, because ${orphans.why}. To remove the shards of ${gone.size} tenants (${some}${more}) for good: ${command}`
  return { type: 'OrphansHeld', status: 'True', reason: 'TooManyVanished', message }
}

function volumesFact(pool: PoolOwner, seen: Observed): ConditionFact {
  const type = 'VolumesSized'
  const { size } = pool.spec.storage
  const stuck = stuckClaims(pool, seen)
  if (stuck.length > 0) {
    const names = stuck.map(([member]) => member).join(', ')
    const classes = [...new Set(stuck.map(([, claim]) => classOf(claim)))].join(', ')
    const message = `The volumes of ${names} stay smaller than ${size}: StorageClass ${classes || '(none)'} has no allowVolumeExpansion: true.`
    return { type, status: 'False', reason: 'ExpansionUnsupported', message }
  }
  const resizing = resizingClaims(pool, seen)
  if (resizing.length > 0) {
    const message = `The volumes of ${resizing.join(', ')} are being expanded to ${size}.`
    return { type, status: 'False', reason: 'VolumesResizing', message }
  }
  return { type, status: 'True', reason: 'VolumesSized', message: `Every volume has ${size}.` }
}
