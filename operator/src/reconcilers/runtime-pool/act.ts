/** Carries out the steps of a pool's plan, in order, until one fails. */
import {
  memberTlsSecretName,
  ownerUidOf,
  type ShardRecord,
  terminationProofFinalizer,
} from '@miniredis/crds'
import { buildMemberVolume } from '../../builders/member-volume.ts'
import { controllerOf, type PoolOwner } from '../../builders/owned-metadata.ts'
import { buildRuntimePod } from '../../builders/runtime-pod.ts'
import { buildMemberTlsSecret } from '../../builders/tls-secrets.ts'
import { isApplied } from '../../kube/difference.ts'
import { isKubeError, KubeError } from '../../kube/errors.ts'
import type { KubeObject, ResourceType } from '../../kube/object.ts'
import { persistentVolumeClaims, pods, secrets, services } from '../../kube/resources.ts'
import { changeShard, retainShard } from '../../shard-maps/shard-changes.ts'
import { announceStep } from './announcements.ts'
import type { Observed } from './observe.ts'
import type { PoolStep, ShardToWipe } from './plan.ts'
import type { PoolPorts } from './ports.ts'
import { isKept, type ShardToRetain } from './retention.ts'

type StepOf<K extends PoolStep['kind']> = Extract<PoolStep, { kind: K }>

/**
 * @returns when to look again
 * @throws KubeError when the API fails a step
 */
export async function act(
  steps: readonly PoolStep[],
  seen: Observed,
  ports: PoolPorts,
): Promise<{ readonly delayMs: number | undefined }> {
  let delayMs: number | undefined
  for (const step of steps) {
    if (step.kind === 'wait') delayMs = step.delayMs
    else if (await carryOut(step, seen, ports)) announceStep(step, seen, ports)
  }
  return { delayMs }
}

/** @returns false when the world was another one than seen, and news of it are on the way */
async function carryOut(
  step: Exclude<PoolStep, { kind: 'wait' }>,
  seen: Observed,
  ports: PoolPorts,
): Promise<boolean> {
  if (step.kind === 'releasePod') return releasePod(step, ports)
  await change(step, seen, ports)
  return true
}

async function change(
  step: Exclude<PoolStep, { kind: 'wait' | 'releasePod' }>,
  seen: Observed,
  ports: PoolPorts,
): Promise<void> {
  const { kube, namespace } = ports
  switch (step.kind) {
    case 'link':
    case 'unlink':
      return changeLink(step, seen, ports)
    case 'deletePod': {
      const { name, uid } = step.pod.metadata
      return kube.delete(pods, { namespace, name }, { uid })
    }
    case 'issueCertificate':
      return issueCertificate(step, seen, ports)
    case 'createVolume':
      return create(persistentVolumeClaims, buildMemberVolume(poolOf(seen), step.member), ports)
    case 'createPod': {
      const { defaultImage } = ports
      const pod = buildRuntimePod({ pool: poolOf(seen), member: step.member, defaultImage })
      return create(pods, pod, ports)
    }
    case 'removeMember':
      await kube.delete(persistentVolumeClaims, { namespace, name: step.member })
      return kube.delete(secrets, { namespace, name: memberTlsSecretName(step.member) })
    case 'createService':
      return create(services, step.object, ports)
    case 'restoreService':
      // Not an apply: that merges ports by number, and would leave the old ones beside the new.
      await kube.merge(services, { namespace, name: step.object.metadata.name }, step.object)
      return
    case 'expandVolume':
      return expandVolume(step, ports)
    case 'retainTenants':
      return changeRecords(seen, ports, retainShard, (record) => {
        return isKept(record) && step.tenantUids.includes(ownerUidOf(record))
      })
    case 'closeShards':
      return closeShards(step.shards, ports)
    case 'giveUpTenants':
      return changeRecords(seen, ports, giveUp, (record) => {
        return (
          record.phase === 'Serving' &&
          !isKept(record) &&
          step.tenantUids.includes(ownerUidOf(record))
        )
      })
    case 'removeRetained':
      return changeRecords(seen, ports, giveUp, ({ phase, tenantUid }) => {
        return phase === 'Retained' && step.tenantUids.includes(tenantUid)
      })
    case 'wipeShards':
      return wipeShards(step.shards, seen, ports)
  }
}

/**
 * An object that is there already was not in the cache: either its event is on the way, or somebody
 * took our labels off, which are then put back so that we see it again.
 */
async function create<T extends KubeObject>(
  type: ResourceType<T>,
  object: T,
  { kube }: PoolPorts,
): Promise<void> {
  const { name, namespace = '', labels, ownerReferences } = object.metadata
  try {
    await kube.create(type, object)
  } catch (error) {
    if (!isKubeError(error, 'AlreadyExists')) throw error
    const present = await kube.get(type, { namespace, name })
    const owner = present && controllerOf(present)
    if (present === undefined || isApplied(labels, present.metadata.labels)) return
    if (owner?.uid !== ownerReferences?.[0]?.uid)
      throw new KubeError('Conflict', `${type.kind} ${name} belongs to somebody else`)
    await kube.merge(type, { namespace, name }, { metadata: { labels } })
  }
}

function changeLink(
  step: StepOf<'link'> | StepOf<'unlink'>,
  { name }: Observed,
  { members, memory }: PoolPorts,
): void {
  const linked = memory.linked.get(name) ?? new Set()
  memory.linked.set(name, linked)
  if (step.kind === 'link') {
    linked.add(step.member)
    members.ensure(step.member, step.target)
  } else {
    linked.delete(step.member)
    members.remove(step.member)
  }
}

/** Bound to what was seen: a pod that changed meanwhile is looked at again first. */
async function releasePod({ pod }: StepOf<'releasePod'>, { kube }: PoolPorts): Promise<boolean> {
  const { name, namespace = '', resourceVersion, finalizers = [] } = pod.metadata
  const rest = finalizers.filter((finalizer) => finalizer !== terminationProofFinalizer)
  try {
    const patch = { metadata: { resourceVersion, finalizers: rest } }
    await kube.merge(pods, { namespace, name }, patch)
    return true
  } catch (error) {
    if (!isKubeError(error, 'NotFound', 'Conflict')) throw error
    return false
  }
}

async function issueCertificate(
  { member, isNew }: StepOf<'issueCertificate'>,
  seen: Observed,
  ports: PoolPorts,
): Promise<void> {
  const pool = poolOf(seen)
  const issued = await ports.authority.issue({ pool: seen.name, member })
  const secret = buildMemberTlsSecret({ pool, member, ...issued })
  if (isNew) await create(secrets, secret, ports)
  else await ports.kube.apply(secrets, secret)
}

async function expandVolume(
  { member, size }: StepOf<'expandVolume'>,
  { kube, namespace }: PoolPorts,
): Promise<void> {
  const patch = { spec: { resources: { requests: { storage: size } } } }
  await kube.merge(persistentVolumeClaims, { namespace, name: member }, patch)
}

const giveUp = (record: ShardRecord): ShardRecord => ({ ...record, phase: 'Removing' })

/** Judged again on what the API has: a tenant may have changed its policy meanwhile. */
async function changeRecords(
  seen: Observed,
  { shards }: PoolPorts,
  change: (record: ShardRecord) => ShardRecord,
  isMeant: (record: ShardRecord) => boolean,
): Promise<void> {
  await shards.mutate(poolOf(seen), (table) => {
    for (const record of table.records.filter(isMeant)) changeShard(table, record, change)
  })
}

async function closeShards(
  retained: readonly ShardToRetain[],
  { members }: PoolPorts,
): Promise<void> {
  const results = await Promise.all(
    retained.map(({ member, ...shard }) => members.retain(member, shard)),
  )
  if (results.some(({ kind }) => kind !== 'done'))
    throw new KubeError('Unavailable', 'some members have not closed their retained shards yet')
}

/** A member that refuses or does not answer keeps its shard and its record until the next time. */
async function wipeShards(
  wipes: readonly ShardToWipe[],
  seen: Observed,
  { members, shards }: PoolPorts,
): Promise<void> {
  const results = await Promise.all(
    wipes.map(async ({ member, ...shard }) =>
      member === undefined ? ({ kind: 'done' } as const) : members.unassign(member, shard),
    ),
  )
  const wiped = wipes.filter((_, index) => results[index]?.kind === 'done')
  if (wiped.length > 0)
    await shards.mutate(poolOf(seen), (table) => {
      for (const shard of wiped) if (table.find(shard)?.phase === 'Removing') table.remove(shard)
    })
  if (wiped.length < wipes.length)
    throw new KubeError('Unavailable', 'some members have not forgotten their shards yet')
}

function poolOf({ pool, name }: Observed): PoolOwner {
  if (pool !== undefined) return pool
  throw new KubeError('NotFound', `there is no RuntimePool ${name}`)
}
