/** Everything that a tenant's plan needs, read into one value; nothing is read later. */
import {
  annotations,
  connectionSecretName,
  labels,
  ownerUidOf,
  type ShardRecord,
  shardKey,
  tenantNodeSchema,
} from '@miniredis/crds'
import { controllerOf, isControlledBy } from '../../builders/owned-metadata.ts'
import type { Key, KubeObject, Stored } from '../../kube/object.ts'
import { nameOfKey } from '../../kube/object.ts'
import {
  type EndpointSlice,
  endpointSlices,
  nodes,
  pods,
  type RuntimePool,
  runtimePools,
  type Secret,
  type Service,
  secrets,
  services,
  type TenantNode,
  tenantNodes,
} from '../../kube/resources.ts'
import { type MemberView, memberOf, reportOfPod } from '../members.ts'
import type { TenantPorts } from './ports.ts'

/** An object that the tenant needs, by what may be done about it. */
export type Child<T extends KubeObject> =
  | { readonly kind: 'absent' }
  | { readonly kind: 'ours'; readonly object: Stored<T> }
  /** On its way out: deleted, or of an earlier tenant of the same name. Its name is free soon. */
  | { readonly kind: 'leaving' }
  | { readonly kind: 'foreign' }

export interface Children {
  readonly secret: Child<Secret>
  readonly service: Child<Service>
  readonly slice: Child<EndpointSlice>
}

export type ChildName = keyof Children
export type ChildObject = Secret | Service | EndpointSlice

export interface Observed {
  readonly tenant: Stored<TenantNode>
  /** Why the specification cannot be carried out. */
  readonly invalid: string | undefined
  readonly operatorNamespace: string
  /** undefined: the pool does not exist (yet). */
  readonly pool: Stored<RuntimePool> | undefined
  /** From the ShardMaps, read without cache. */
  readonly shards: readonly ShardRecord[]
  /** Shards that an earlier tenant of this name left behind. */
  readonly retained: readonly ShardRecord[]
  readonly members: readonly MemberView[]
  readonly children: Children
}

/** @returns undefined when there is no such tenant (any more) */
export async function observeTenant(key: Key, ports: TenantPorts): Promise<Observed | undefined> {
  const { caches, namespace } = ports
  const cached = caches.of(tenantNodes).get(nameOfKey(key))
  if (cached === undefined) return undefined
  const stored = withWrittenStatus(cached, ports)
  const { tenant, invalid } = parseTenant(stored)
  const pool = caches.of(runtimePools).get({ namespace, name: tenant.spec.pool })
  return {
    tenant,
    invalid,
    operatorNamespace: namespace,
    pool,
    ...(pool === undefined || invalid ? noShards : await readShards(tenant, ports)),
    members: observeMembers(tenant.spec.pool, ports),
    children: observeChildren(tenant, ports),
  }
}

/** With our own last status, when the cache has not seen it yet: else it would be written again. */
function withWrittenStatus(cached: Stored<TenantNode>, { memory }: TenantPorts) {
  const { uid, resourceVersion } = cached.metadata
  const written = memory.writtenStatus.get(uid)
  if (written === undefined) return cached
  if (written.over === resourceVersion) return { ...cached, status: written.status }
  memory.writtenStatus.delete(uid)
  return cached
}

/** The same rules as in the API server, for objects that came by an older or a missing schema. */
function parseTenant(stored: Stored<TenantNode>): Pick<Observed, 'tenant' | 'invalid'> {
  const parsed = tenantNodeSchema.safeParse({ metadata: stored.metadata, spec: stored.spec })
  if (parsed.success) return { tenant: { ...stored, spec: parsed.data.spec }, invalid: undefined }
  const [issue] = parsed.error.issues
  return { tenant: stored, invalid: `${issue?.path.join('.')}: ${issue?.message}` }
}

const noShards: Pick<Observed, 'shards' | 'retained'> = { shards: [], retained: [] }

async function readShards(tenant: Stored<TenantNode>, { shards }: TenantPorts) {
  const records = [...(await shards.read(tenant.spec.pool))].sort((a, b) => a.shard - b.shard)
  const { uid, name, namespace } = tenant.metadata
  const isRetained = ({ phase }: ShardRecord) => phase === 'Retained'
  return {
    shards: records.filter((record) => ownerUidOf(record) === uid && !isRetained(record)),
    retained: records.filter(
      (record) =>
        isRetained(record) && record.tenantName === name && record.tenantNamespace === namespace,
    ),
  }
}

/** Adopt's value for a tenant that is to start empty although data of its name are kept. */
export const ADOPT_NOTHING = 'none'

/** Whose retained data the tenant is to take over; undefined: nobody said. */
export const adoptionOf = ({ metadata }: Stored<TenantNode>): string | undefined =>
  metadata.annotations?.[annotations.adopt]

/** Members of a pool that have a pod, in the order of their names. */
export function observeMembers(
  pool: string,
  { caches, members }: Pick<TenantPorts, 'caches' | 'members'>,
): readonly MemberView[] {
  return caches
    .of(pods)
    .withLabel(labels.pool, pool)
    .map((pod) => {
      const name = memberOf(pod)
      const node = caches.of(nodes).get({ name: pod.spec?.nodeName ?? '' })
      const zone = node?.metadata.labels?.[labels.zone]
      return { name, pod, zone, report: reportOfPod(members.report(name), pod) }
    })
}

function observeChildren(tenant: Stored<TenantNode>, { caches }: TenantPorts): Children {
  const { name, namespace = '' } = tenant.metadata
  return {
    secret: childOf(
      tenant,
      caches.of(secrets).get({ namespace, name: connectionSecretName(name) }),
    ),
    service: childOf(tenant, caches.of(services).get({ namespace, name })),
    slice: childOf(tenant, caches.of(endpointSlices).get({ namespace, name })),
  }
}

export function childOf<T extends KubeObject>(
  tenant: Stored<TenantNode>,
  object: Stored<T> | undefined,
): Child<T> {
  if (object === undefined) return { kind: 'absent' }
  if (object.metadata.deletionTimestamp !== undefined) return { kind: 'leaving' }
  if (isControlledBy(object, tenant)) return { kind: 'ours', object }
  const owner = controllerOf(object)
  const isPredecessors = owner?.kind === tenant.kind && owner.name === tenant.metadata.name
  return { kind: isPredecessors ? 'leaving' : 'foreign' }
}

/** The member that holds a shard, when its pod exists. */
export const holderOf = ({ members }: Observed, record: ShardRecord): MemberView | undefined =>
  members.find(({ name }) => name === record.primary.member)

/** What the member itself says that it holds of the shard; undefined while its link is down. */
export function heldBy(member: MemberView | undefined, record: ShardRecord) {
  if (!member?.report?.connected) return undefined
  return member.report.held.get(shardKey(record))
}
