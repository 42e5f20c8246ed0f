/** The status of a tenant, from what was observed and what came of the plan. Pure. */
import {
  type Condition,
  connectionSecretName,
  type Reason,
  shardKey,
  type TenantNodeStatus,
  type TenantPhase,
} from '@miniredis/crds'
import type { Plain } from '../../kube/object.ts'
import { formatSlots } from '../../placement/slots.ts'
import { buildConditions, type ConditionFact } from '../conditions.ts'
import { readTrouble, storageOf } from '../member-storage.ts'
import { memberTrouble } from '../members.ts'
import { holderOf, type Observed } from './observe.ts'
import {
  type Endpoint,
  endpointOf,
  isServedBy,
  type Obstacle,
  obstacleTo,
  problemOf,
  storageObstacle,
} from './standing.ts'

export const USAGE_WRITE_INTERVAL_MS = 60_000
const USAGE_CHANGE_SHARE = 0.1

type Status = Plain<TenantNodeStatus>
type Usage = NonNullable<Status['usage']>

export interface Progress {
  /** What the plan waits for. */
  readonly wait?: Obstacle | undefined
  /** The code of the error that stopped the plan. */
  readonly failure?: string | undefined
}

export interface StatusContext {
  readonly nowMs: number
  readonly usageWrittenMs: number | undefined
}

export function tenantStatus(seen: Observed, progress: Progress, context: StatusContext): Status {
  const { tenant, children } = seen
  const previous = tenant.status
  const problem = problemOf(seen)
  const obstacle = problem ?? obstacleOf(seen, progress)
  const endpoint =
    endpointOf(seen) ?? (obstacle?.reason === 'MemberNotReady' ? previous?.endpoint : undefined)
  const usage = nextUsage(previous?.usage, usageOf(seen), context)
  const { generation, name } = tenant.metadata
  return {
    ...(generation !== undefined && { observedGeneration: generation }),
    phase: phaseOf(previous?.phase, problem, obstacle),
    conditions: buildConditions(
      [...conditionFacts(problem, obstacle, progress), ...storageFacts(seen)],
      {
        previous: previous?.conditions as readonly Condition[] | undefined,
        generation,
        nowMs: context.nowMs,
      },
    ),
    ...(endpoint !== undefined && { endpoint: endpointStatus(endpoint) }),
    ...(children.secret.kind === 'ours' && { binding: { name: connectionSecretName(name) } }),
    ...(seen.shards.length > 0 && { shards: shardStatuses(seen) }),
    ...(usage !== undefined && { usage }),
  }
}

/** A wait that says more (why a member refused) stands for the obstacle that it explains. */
function obstacleOf(seen: Observed, { wait }: Progress): Obstacle | undefined {
  const obstacle = obstacleTo(seen)
  return obstacle !== undefined && obstacle.reason === wait?.reason ? wait : obstacle
}

function phaseOf(
  previous: TenantPhase | undefined,
  problem: Obstacle | undefined,
  obstacle: Obstacle | undefined,
): TenantPhase {
  if (problem !== undefined) return 'Failed'
  if (obstacle === undefined) return 'Ready'
  if (obstacle.reason === 'PoolMissing' || obstacle.reason === 'NoCapacity') return 'Pending'
  return previous === 'Ready' || previous === 'Unavailable' ? 'Unavailable' : 'Provisioning'
}

function conditionFacts(
  problem: Obstacle | undefined,
  obstacle: Obstacle | undefined,
  { wait, failure }: Progress,
): readonly ConditionFact[] {
  const ready: ConditionFact =
    obstacle === undefined
      ? { type: 'Ready', status: 'True', reason: 'Serving', message: 'The tenant is served.' }
      : { type: 'Ready', status: 'False', ...sentence(obstacle) }
  const stuck = problem ?? (obstacle && needPerson.has(obstacle.reason) ? obstacle : undefined)
  return [ready, reconciling(problem, obstacle ?? wait, failure), stalled(stuck)]
}

/** Obstacles that no waiting removes. */
const needPerson: ReadonlySet<Reason> = new Set(['StorageDamaged', 'StorageFailed'])

/** None while no member has said anything; while the link is down what was said last stays. */
function storageFacts(seen: Observed): readonly ConditionFact[] {
  const type = 'StorageHealthy'
  const trouble = seen.shards.map((record) => storageObstacle(seen, record)).find(Boolean)
  if (trouble !== undefined) return [{ type, status: 'False', ...sentence(trouble) }]
  if (seen.shards.length === 0) return []
  const isHeard = seen.shards.every((record) => storageOf(holderOf(seen, record)) !== undefined)
  if (!isHeard) {
    const said = seen.tenant.status?.conditions?.find((condition) => condition.type === type)
    return said === undefined ? [] : [said as ConditionFact]
  }
  const { mode, fsync } = seen.tenant.spec.persistence
  if (mode === 'None')
    return [
      {
        type,
        status: 'True',
        reason: 'MemoryOnly',
        message: 'Nothing is kept: spec.persistence.mode is None.',
      },
    ]
  const message = `Kept as asked for: mode ${mode}, fsync ${fsync}.`
  return [{ type, status: 'True', reason: 'Persisting', message }]
}

function reconciling(
  problem: Obstacle | undefined,
  pending: Obstacle | undefined,
  failure: string | undefined,
): ConditionFact {
  if (problem !== undefined || (pending === undefined && failure === undefined))
    return {
      type: 'Reconciling',
      status: 'False',
      reason: 'Settled',
      message: 'Nothing is left to do.',
    }
  const message =
    failure === undefined
      ? `Waiting: ${pending?.message}.`
      : `A step failed (${failure}) and is tried again.`
  return { type: 'Reconciling', status: 'True', reason: 'InProgress', message }
}

const stalled = (problem: Obstacle | undefined): ConditionFact =>
  problem === undefined
    ? { type: 'Stalled', status: 'False', reason: 'Settled', message: 'Nothing needs a person.' }
    : { type: 'Stalled', status: 'True', ...sentence(problem) }

/** `pod default-0-1 is not ready` → `Pod default-0-1 is not ready.` */
const sentence = ({ reason, message }: Obstacle): Obstacle => ({
  reason,
  message: `${message.charAt(0).toUpperCase()}${message.slice(1)}.`,
})

const endpointStatus = ({ host, port }: Endpoint) => ({ host, port, address: `${host}:${port}` })

const shardStatuses = (seen: Observed): NonNullable<Status['shards']> =>
  seen.shards.map((record) => {
    const member = holderOf(seen, record)
    const isRead = readTrouble(member, record, seen.operatorNamespace) === undefined
    const isUp = member !== undefined && memberTrouble(member) === undefined
    return {
      index: record.shard,
      slots: formatSlots(record),
      epoch: record.epoch,
      primary: record.primary.member,
      replicas: [],
      phase: isUp && isServedBy(seen, record, member) && isRead ? 'Serving' : 'Unavailable',
    }
  })

/** The sum over the shards; undefined while no member has reported any. */
function usageOf(seen: Observed): Usage | undefined {
  const parts = seen.shards.flatMap(
    (record) => holderOf(seen, record)?.report?.usage.get(shardKey(record)) ?? [],
  )
  if (parts.length === 0) return undefined
  const sum = (pick: (usage: Usage) => number) =>
    parts.reduce((total, part) => total + pick(part), 0)
  return {
    memoryBytes: sum(({ memoryBytes }) => memoryBytes),
    keys: sum(({ keys }) => keys),
    connections: sum(({ connections }) => connections),
  }
}

/** Usage is written at most once a minute, and only when it moved by a tenth (DESIGN 3). */
export function nextUsage(
  previous: Usage | undefined,
  current: Usage | undefined,
  { nowMs, usageWrittenMs }: StatusContext,
): Usage | undefined {
  if (current === undefined) return previous
  const isRecent = usageWrittenMs !== undefined && nowMs - usageWrittenMs < USAGE_WRITE_INTERVAL_MS
  const fields = ['memoryBytes', 'keys', 'connections'] as const
  const hasMoved = fields.some((field) => hasMovedMuch(previous?.[field] ?? 0, current[field]))
  return hasMoved && !isRecent ? current : previous
}

const hasMovedMuch = (before: number, now: number): boolean =>
  Math.abs(now - before) > before * USAGE_CHANGE_SHARE
