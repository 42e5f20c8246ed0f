/**
 * Carries out the steps of a tenant's plan, in order, until one waits or fails, and keeps what was
 * observed up to date with what the steps changed, so that planning can go on without reading again.
 */
import {
  assignmentDigest,
  type EventReason,
  ownerUidOf,
  type Reason,
  type ShardRecord,
  shardKey,
} from '@miniredis/crds'
import { buildConnectionSecret, buildPassword } from '../../builders/connection-secret.ts'
import { isKubeError, KubeError } from '../../kube/errors.ts'
import type { ObjectName, ResourceType, Stored } from '../../kube/object.ts'
import { endpointSlices, secrets, services } from '../../kube/resources.ts'
import type { RequestResult } from '../../runtime-client/member-report.ts'
import {
  adoptShard,
  changeShard,
  followSoleCopy,
  placeShard,
  raiseEpoch,
} from '../../shard-maps/shard-changes.ts'
import { type Child, type ChildName, type ChildObject, childOf, type Observed } from './observe.ts'
import type { TenantStep } from './plan.ts'
import type { TenantPorts } from './ports.ts'
import { endpointOf, type Obstacle } from './standing.ts'

/** How soon a member that refused, or did not answer, is asked again. */
const ASK_AGAIN_MS = 1000

export interface Wait extends Obstacle {
  readonly delayMs: number
}

export interface ActResult {
  readonly seen: Observed
  /** Set when a step said so: nothing after it was done. */
  readonly wait?: Wait | undefined
}

type StepOf<K extends TenantStep['kind']> = Extract<TenantStep, { kind: K }>

/** @throws KubeError when the API fails a step */
export async function act(
  steps: readonly TenantStep[],
  before: Observed,
  ports: TenantPorts,
): Promise<ActResult> {
  let seen = before
  for (const step of steps) {
    const result = await carryOut(step, seen, ports)
    if (result.wait !== undefined) return result
    seen = result.seen
  }
  return { seen }
}

async function carryOut(step: TenantStep, seen: Observed, ports: TenantPorts): Promise<ActResult> {
  switch (step.kind) {
    case 'issuePassword':
      return { seen: await issuePassword(step, seen, ports) }
    case 'create':
      return { seen: await create(step.child, step.object, seen, ports) }
    case 'restore':
      return { seen: await restore(step.child, step.object, seen, ports) }
    case 'place':
      return place(step, seen, ports)
    case 'adopt':
      return { seen: await adopt(step, seen, ports) }
    case 'setPolicy':
      return { seen: await setPolicy(step, seen, ports) }
    case 'follow':
      return { seen: await follow(step, seen, ports) }
    case 'assign':
      return assign(step, seen, ports)
    case 'wait':
      return { seen, wait: step }
  }
}

const typeOf = { secret: secrets, service: services, slice: endpointSlices } as const
const childType = (child: ChildName) => typeOf[child] as ResourceType<ChildObject>

const withChild = (seen: Observed, child: ChildName, value: Child<ChildObject>): Observed => ({
  ...seen,
  children: { ...seen.children, [child]: value },
})

function issuePassword(
  { isNew }: StepOf<'issuePassword'>,
  seen: Observed,
  ports: TenantPorts,
): Promise<Observed> {
  const { tenant } = seen
  const password = buildPassword(tenant.metadata.uid, ports.newSecretText())
  const secret = buildConnectionSecret({ tenant, password, endpoint: endpointOf(seen) })
  return isNew ? create('secret', secret, seen, ports) : restore('secret', secret, seen, ports)
}

/** An object that is there already is looked at: ours is taken as it is, another's is left alone. */
async function create(
  child: ChildName,
  object: ChildObject,
  seen: Observed,
  { kube }: TenantPorts,
): Promise<Observed> {
  const type = childType(child)
  try {
    const created = await kube.create(type, object)
    return withChild(seen, child, { kind: 'ours', object: created })
  } catch (error) {
    if (!isKubeError(error, 'AlreadyExists')) throw error
    const present = await kube.get(type, nameOf(object))
    return withChild(seen, child, childOf(seen.tenant, present))
  }
}

/**
 * A merge patch, bound to the object that was seen. Not an apply: that merges the ports of a Service
 * by number, and would leave the old ones beside the new.
 */
async function restore(
  child: ChildName,
  object: ChildObject,
  seen: Observed,
  { kube }: TenantPorts,
): Promise<Observed> {
  const present = seen.children[child]
  const uid = present.kind === 'ours' ? { uid: present.object.metadata.uid } : {}
  const patch = { ...object, metadata: { ...object.metadata, ...uid } }
  const restored: Stored<ChildObject> = await kube.merge(childType(child), nameOf(object), patch)
  return withChild(seen, child, { kind: 'ours', object: restored })
}

const nameOf = ({ metadata: { name, namespace } }: ChildObject): ObjectName => ({
  name,
  ...(namespace !== undefined && { namespace }),
})

async function place(
  { placement }: StepOf<'place'>,
  seen: Observed,
  ports: TenantPorts,
): Promise<ActResult> {
  const pool = poolOf(seen)
  const record = await ports.shards.mutate(pool, (table) => placeShard(table, placement))
  if (record !== undefined) {
    // An annotation is only a claim: a shard that has a record belongs to whom the record names.
    if (ownerUidOf(record) !== seen.tenant.metadata.uid) throw vanished(seen)
    return { seen: withShard(seen, record) }
  }
  const message = `every ready member of pool ${pool.metadata.name} is full`
  return waiting(seen, 'NoCapacity', message)
}

async function adopt(
  { shard }: StepOf<'adopt'>,
  seen: Observed,
  ports: TenantPorts,
): Promise<Observed> {
  const { uid } = seen.tenant.metadata
  const record = await ports.shards.mutate(poolOf(seen), (table) =>
    changeShard(table, shard, (present) => adoptShard(present, uid)),
  )
  // Somebody removed the data meanwhile, or took them over: never start empty in their place.
  if (record === undefined || record.ownerUid !== uid) throw vanished(seen)
  const message = `Took over the data of the deleted tenant ${shard.tenantUid}.`
  ports.recorder.record(seen.tenant, { type: 'Normal', reason: 'Adopted', message })
  const retained = seen.retained.filter(({ tenantUid }) => tenantUid !== shard.tenantUid)
  return withShard({ ...seen, retained }, record)
}

async function setPolicy(
  { shard, deletionPolicy }: StepOf<'setPolicy'>,
  seen: Observed,
  ports: TenantPorts,
): Promise<Observed> {
  const record = await ports.shards.mutate(poolOf(seen), (table) =>
    changeShard(table, shard, (present) => ({ ...present, deletionPolicy })),
  )
  if (record === undefined) throw vanished(seen)
  return withShard(seen, record)
}

async function follow(
  { shard, sighting }: StepOf<'follow'>,
  seen: Observed,
  ports: TenantPorts,
): Promise<Observed> {
  const before = seen.shards.find(({ shard: index }) => index === shard.shard)
  const record = await ports.shards.mutate(poolOf(seen), (table) =>
    changeShard(table, shard, (present) => followSoleCopy(present, sighting)),
  )
  if (record === undefined) throw vanished(seen)
  if (before !== undefined && record.epoch > before.epoch) reportLoss(seen, record, ports)
  return withShard(seen, record)
}

function reportLoss(seen: Observed, record: ShardRecord, ports: TenantPorts): void {
  const reason: EventReason = 'CopyLost'
  const { member } = record.primary
  const message = `The volume of ${member} is another one: its keys are gone, epoch ${record.epoch}.`
  ports.metrics.copiesLost.inc()
  ports.recorder.record(seen.tenant, { type: 'Warning', reason, message })
}

async function assign(
  step: StepOf<'assign'>,
  seen: Observed,
  ports: TenantPorts,
): Promise<ActResult> {
  const { member, assignment } = step
  const result = await ports.members.assign(member, assignment)
  if (result.kind === 'done') return { seen: withHeld(seen, step) }
  if (result.kind === 'refused' && result.code === 'StaleEpoch') {
    const epoch = (result.epochMin ?? assignment.epoch) + 1
    const record = await ports.shards.mutate(poolOf(seen), (table) =>
      changeShard(table, assignment, (present) => raiseEpoch(present, epoch)),
    )
    if (record === undefined) throw vanished(seen)
    return { seen: withShard(seen, record) }
  }
  return waiting(seen, 'AssignmentPending', `pod ${member} ${describeResult(result)}`)
}

const describeResult = (result: RequestResult): string =>
  result.kind === 'refused'
    ? `refused the tenant: ${result.code}: ${result.message}`
    : 'did not answer'

const waiting = (seen: Observed, reason: Reason, message: string): ActResult => ({
  seen,
  wait: { reason, message, delayMs: ASK_AGAIN_MS },
})

const withShard = (seen: Observed, record: ShardRecord): Observed => ({
  ...seen,
  shards: [...seen.shards.filter(({ shard }) => shard !== record.shard), record].sort(
    (a, b) => a.shard - b.shard,
  ),
})

function withHeld(seen: Observed, { member, assignment }: StepOf<'assign'>): Observed {
  const { tenantUid, shard, epoch } = assignment
  const held = { tenantUid, shard, epoch, digest: assignmentDigest(assignment), retained: false }
  const members = seen.members.map((view) =>
    view.name !== member || view.report === undefined
      ? view
      : {
          ...view,
          report: {
            ...view.report,
            held: new Map(view.report.held).set(shardKey(assignment), held),
          },
        },
  )
  return { ...seen, members }
}

function poolOf({ pool, tenant }: Observed) {
  if (pool !== undefined) return pool
  throw new KubeError('NotFound', `there is no RuntimePool ${tenant.spec.pool}`)
}

const vanished = ({ tenant }: Observed): KubeError =>
  new KubeError('Conflict', `the shard of ${tenant.metadata.name} has lost its record meanwhile`)
