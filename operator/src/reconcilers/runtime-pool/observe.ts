/** Everything that a pool's plan needs, read into one value; nothing is read later. */
import {
  annotations,
  labels,
  ownerUidOf,
  runtimePoolSchema,
  type ShardRecord,
  shardKey,
} from '@miniredis/crds'
import { decodeSecretData } from '../../builders/connection-secret.ts'
import { poolServiceName } from '../../builders/pool-service.ts'
import { isKubeError } from '../../kube/errors.ts'
import { type Key, type KubeObject, nameOfKey, type Stored } from '../../kube/object.ts'
import { listAll } from '../../kube/port.ts'
import {
  customResourceDefinitions,
  type KubeNode,
  nodes,
  type PersistentVolumeClaim,
  persistentVolumeClaims,
  type RuntimePool,
  runtimePools,
  type Secret,
  type Service,
  secrets,
  services,
  storageClasses,
  tenantNodes,
} from '../../kube/resources.ts'
import type { MemberView } from '../members.ts'
import { observeMembers } from '../tenant-node/observe.ts'
import type { OrphanView } from './orphans.ts'
import type { PoolPorts } from './ports.ts'
import { classOf, smallClaims } from './volumes-plan.ts'

const TENANT_DEFINITION = { name: 'tenantnodes.miniredis.io' }

export interface PoolMember extends MemberView {
  readonly node: KubeNode | undefined
}

/** A shard that a member holds although no record says so. */
export interface StrayShard {
  readonly member: string
  readonly tenantUid: string
  readonly shard: number
  readonly epoch: number
  readonly retained: boolean
}

export interface Observed {
  readonly name: string
  /** undefined: deleted, while some of its pods remain. */
  readonly pool: Stored<RuntimePool> | undefined
  /** Why the specification cannot be carried out. */
  readonly invalid: string | undefined
  /** Members that have a pod. */
  readonly members: readonly PoolMember[]
  /** By member. */
  readonly volumes: ReadonlyMap<string, Stored<PersistentVolumeClaim>>
  /** Of the StorageClasses of volumes that are too small: those whose volumes can grow. */
  readonly expandableClasses: ReadonlySet<string>
  readonly certificates: ReadonlyMap<string, Stored<Secret>>
  /** Members whose certificate must be issued, for the first time or anew. */
  readonly dueCertificates: ReadonlySet<string>
  readonly service: Stored<Service> | undefined
  /** From the ShardMaps, read without cache. */
  readonly records: readonly ShardRecord[]
  readonly strays: readonly StrayShard[]
  readonly orphans: OrphanView
  readonly linked: ReadonlySet<string>
  readonly defaultImage: string
}

export async function observePool(key: Key, ports: PoolPorts): Promise<Observed> {
  const { caches, namespace, defaultImage, memory, shards } = ports
  const { name } = nameOfKey(key)
  const { pool, invalid } = parsePool(caches.of(runtimePools).get({ namespace, name }))
  const members = observeMembers(name, ports).map((view) => withNode(view, ports))
  const records = pool === undefined ? [] : await shards.read(name)
  const strays = straysOf(members, records)
  const certificates = byMember(caches.of(secrets).withLabel(labels.pool, name))
  const seen = {
    name,
    pool,
    invalid,
    members,
    volumes: byMember(caches.of(persistentVolumeClaims).withLabel(labels.pool, name)),
    expandableClasses: new Set<string>(),
    certificates,
    dueCertificates:
      pool === undefined ? new Set<string>() : await dueCertificates(name, certificates, ports),
    service: caches.of(services).get({ namespace, name: poolServiceName(name) }),
    records,
    strays,
    orphans: await observeOrphans(pool, records, strays, ports),
    linked: memory.linked.get(name) ?? new Set(),
    defaultImage,
  }
  return { ...seen, expandableClasses: await readExpandableClasses(seen, ports) }
}

/** Asks the API only while there is a volume to expand. */
async function readExpandableClasses(
  seen: Observed,
  { kube }: PoolPorts,
): Promise<ReadonlySet<string>> {
  const small = seen.pool === undefined ? [] : smallClaims(seen.pool, seen)
  const names = [...new Set(small.map(([, claim]) => classOf(claim)))].filter(Boolean)
  const classes = await Promise.all(names.map((name) => kube.get(storageClasses, { name })))
  const expandable = classes.filter((found) => found?.allowVolumeExpansion === true)
  return new Set(expandable.map((found) => found?.metadata.name ?? ''))
}

/** The same rules as in the API server, for objects that came by an older or a missing schema. */
function parsePool(stored: Stored<RuntimePool> | undefined): Pick<Observed, 'pool' | 'invalid'> {
  if (stored === undefined) return { pool: undefined, invalid: undefined }
  const parsed = runtimePoolSchema.safeParse({ metadata: stored.metadata, spec: stored.spec })
  if (parsed.success) return { pool: { ...stored, spec: parsed.data.spec }, invalid: undefined }
  const [issue] = parsed.error.issues
  return { pool: stored, invalid: `${issue?.path.join('.')}: ${issue?.message}` }
}

function withNode(view: MemberView, { caches }: PoolPorts): PoolMember {
  return { ...view, node: caches.of(nodes).get({ name: view.pod?.spec?.nodeName ?? '' }) }
}

const byMember = <T extends Stored<PersistentVolumeClaim> | Stored<Secret>>(
  objects: readonly T[],
): ReadonlyMap<string, T> =>
  new Map(objects.map((object) => [object.metadata.labels?.[labels.member] ?? '', object]))

async function dueCertificates(
  pool: string,
  certificates: ReadonlyMap<string, Secret>,
  { authority }: PoolPorts,
): Promise<ReadonlySet<string>> {
  await authority.ensure()
  const due = [...certificates].filter(([member, secret]) =>
    authority.isDue(decodeSecretData(secret), { pool, member }),
  )
  return new Set(due.map(([member]) => member))
}

function straysOf(
  members: readonly MemberView[],
  records: readonly ShardRecord[],
): readonly StrayShard[] {
  const recorded = new Set(records.map((record) => `${record.primary.member} ${shardKey(record)}`))
  return members.flatMap(({ name, report }) =>
    [...(report?.connected ? report.held.values() : [])]
      .filter((held) => !recorded.has(`${name} ${shardKey(held)}`))
      .map(({ tenantUid, shard, epoch, retained }) => ({
        member: name,
        tenantUid,
        shard,
        epoch,
        retained,
      })),
  )
}

/** Asks the API itself about tenants only when the cache lacks one that has a shard. */
async function observeOrphans(
  pool: Stored<RuntimePool> | undefined,
  records: readonly ShardRecord[],
  strays: readonly StrayShard[],
  ports: PoolPorts,
): Promise<OrphanView> {
  const serving = records.filter(({ phase }) => phase === 'Serving')
  const leaving = new Set(records.filter(({ phase }) => phase === 'Removing').map(ownerUidOf))
  // What is only kept has no owner to miss: a person decides about it.
  const open = strays.filter(({ retained }) => !retained)
  const owners = new Set([...serving.map(ownerUidOf), ...open.map(({ tenantUid }) => tenantUid)])
  const cached = new Set(ports.caches.of(tenantNodes).list().flatMap(dataUidsOf))
  const isMissing = [...owners].some((uid) => !cached.has(uid) && !leaving.has(uid))
  const written = ports.memory.definitions.get(pool?.metadata.uid ?? '')
  const known = written ?? pool?.status?.tenantDefinitionUid
  const isFirstLook = known === undefined || (pool?.status?.tenants ?? 0) === 0
  const base = {
    tenants: owners.size,
    knownDefinitionUid: known,
    accepted: pool?.metadata.annotations?.[annotations.acceptOrphanRemoval],
  }
  if (pool === undefined || !isMissing) {
    ports.memory.vanished.delete(pool?.metadata.name ?? '')
    const definitionUid = isFirstLook ? await readDefinitionUid(ports) : known
    return { ...base, vanished: new Map(), definitionUid }
  }
  const present = await readTenantUids(ports)
  const missing = [...owners].filter((uid) => !present.has(uid) && !leaving.has(uid))
  const vanished = remember(pool.metadata.name, missing, ports)
  // After the list: a definition that is deleted is marked so before its objects go.
  return { ...base, vanished, definitionUid: await readDefinitionUid(ports) }
}

/** A tenant's own UID, and that of the data that it adopted: they are not orphans while it lives. */
function dataUidsOf({ metadata }: Stored<KubeObject>): readonly string[] {
  const adopted = metadata.annotations?.[annotations.adopt]
  return adopted === undefined ? [metadata.uid] : [metadata.uid, adopted]
}

/** None when the API does not even know the kind; the definition's absence then decides. */
async function readTenantUids({ kube }: PoolPorts): Promise<ReadonlySet<string>> {
  try {
    const { items } = await listAll(kube, tenantNodes)
    return new Set(items.flatMap(dataUidsOf))
  } catch (error) {
    if (isKubeError(error, 'UnknownResource')) return new Set()
    throw error
  }
}

async function readDefinitionUid({ kube }: PoolPorts): Promise<string | undefined> {
  const definition = await kube.get(customResourceDefinitions, TENANT_DEFINITION)
  const isHere = definition !== undefined && definition.metadata.deletionTimestamp === undefined
  return isHere ? definition.metadata.uid : undefined
}

/** Since when each of these has been missing, as far as this process saw it. */
function remember(
  pool: string,
  tenantUids: readonly string[],
  { memory, clock }: PoolPorts,
): ReadonlyMap<string, number> {
  const before = memory.vanished.get(pool)
  const since = new Map(tenantUids.map((uid) => [uid, before?.get(uid) ?? clock.now()]))
  memory.vanished.set(pool, since)
  return since
}
