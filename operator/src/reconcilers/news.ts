/**
 * Whom news concern: which tenants and pools are looked at again when an object or a member changes.
 *
 * It errs on the side of looking, but not by much: a change of one shard must not make the operator
 * look at every tenant of the pool.
 */
import { labels, type ShardRecord, shardKey } from '@miniredis/crds'
import { controllerOf } from '../builders/owned-metadata.ts'
import { AUTHORITY_SECRET_NAME } from '../builders/tls-secrets.ts'
import { isSameJson } from '../kube/difference.ts'
import { type Key, type KubeObject, keyOf, keyOfObject, type Stored } from '../kube/object.ts'
import {
  endpointSlices,
  nodes,
  persistentVolumeClaims,
  pods,
  runtimePools,
  type ShardMap,
  secrets,
  services,
  shardMaps,
  type TenantNode,
  tenantNodes,
} from '../kube/resources.ts'
import { type Ports, type Trigger, trigger } from '../parts.ts'
import type { MemberChange, MembersPort } from '../runtime-client/member-report.ts'
import type { ShardMapStore } from '../shard-maps/shard-map-store.ts'
import { memberOf } from './members.ts'
import { nextUsage } from './tenant-node/status.ts'

export const poolControllerName = 'runtime-pool'
export const tenantControllerName = 'tenant-node'

/** News of many shards of a pool within so long make it look once. */
const POOL_NEWS_WINDOW_MS = 250

export interface NewsOptions extends Pick<Ports, 'caches' | 'clock' | 'enqueue'> {
  readonly namespace: string
  readonly shards: ShardMapStore
  readonly members: MembersPort
  readonly usageWrittenMs: ReadonlyMap<string, number>
}

export class News {
  readonly #options: NewsOptions
  readonly #announcedPools = new Set<string>()

  constructor(options: NewsOptions) {
    this.#options = options
  }

  tenantTriggers(): readonly Trigger[] {
    return [
      trigger(tenantNodes, (tenant) => [keyOfObject(tenant)]),
      trigger(secrets, tenantOwning),
      trigger(services, tenantOwning),
      trigger(endpointSlices, tenantOwning),
      trigger(shardMaps, (map) => this.#tenantsNewIn(map)),
      trigger(pods, (pod) => {
        const pool = pod.metadata.labels?.[labels.pool] ?? ''
        const held = this.#recordsOn(memberOf(pod), pool).map(tenantKey)
        return [...held, ...this.#tenantsOf(pool, ({ status }) => status?.phase === 'Pending')]
      }),
      trigger(runtimePools, ({ metadata: { name } }) =>
        this.#tenantsOf(name, ({ status }) => status?.phase !== 'Ready'),
      ),
    ]
  }

  poolTriggers(): readonly Trigger[] {
    return [
      trigger(runtimePools, (pool) => [keyOfObject(pool)]),
      trigger(pods, (pod) => this.#poolLabelled(pod)),
      trigger(persistentVolumeClaims, (volume) => this.#poolLabelled(volume)),
      trigger(services, (service) => this.#poolLabelled(service)),
      trigger(secrets, (secret) =>
        secret.metadata.name === AUTHORITY_SECRET_NAME
          ? this.#allPools()
          : this.#poolLabelled(secret),
      ),
      trigger(nodes, (node) => this.#poolsOn(node.metadata.name)),
      trigger(tenantNodes, (tenant) => this.#poolThatLost(tenant)),
      trigger(shardMaps, ({ spec }) => {
        this.#tellPool(spec.pool)
        return []
      }),
    ]
  }

  /** A member said something, or its link came or went. */
  ofMember(member: string, change: MemberChange): void {
    const { enqueue } = this.#options
    const pool = this.#poolOf(member)
    if (pool === undefined) return
    for (const record of this.#recordsOn(member, pool))
      if (this.#concerns(record, change)) enqueue(tenantControllerName, tenantKey(record))
    if (change === 'storage' ? this.#hasSettled(member) : change !== 'usage') this.#tellPool(pool)
  }

  /** Whether a tenant has to look, when something changed at the member that holds its shard. */
  #concerns(record: ShardRecord, change: MemberChange): boolean {
    const { members } = this.#options
    if (change === 'usage') return this.#isUsageDue(record)
    if (change === 'storage') return this.#isStorageNews(record)
    if (change !== 'held') return true
    const held = members.report(record.primary.member)?.held.get(shardKey(record))
    return held?.epoch !== record.epoch
  }

  /** Nothing loads any more: an upgrade that waited may go on. */
  #hasSettled(member: string): boolean {
    return this.#options.members.report(member)?.storage.loading.length === 0
  }

  /** Something is wrong with it now, or its status says that something is. */
  #isStorageNews(record: ShardRecord): boolean {
    const { caches, members } = this.#options
    const storage = members.report(record.primary.member)?.storage
    if (storage === undefined) return false
    const key = shardKey(record)
    const { loading, damaged, volume } = storage
    if (volume.state !== 'Healthy') return true
    if ([...loading, ...damaged].some((entry) => shardKey(entry) === key)) return true
    const { tenantNamespace: namespace, tenantName: name } = record
    const conditions = caches.of(tenantNodes).get({ namespace, name })?.status?.conditions ?? []
    return conditions.some(({ type, status }) => type === 'StorageHealthy' && status === 'False')
  }

  #isUsageDue(record: ShardRecord): boolean {
    const { caches, members, clock, usageWrittenMs } = this.#options
    const { tenantNamespace: namespace, tenantName: name, tenantUid, primary } = record
    const previous = caches.of(tenantNodes).get({ namespace, name })?.status?.usage
    const reported = members.report(primary.member)?.usage.get(shardKey(record))
    if (reported === undefined) return false
    const { memoryBytes, keys, connections } = reported
    const context = { nowMs: clock.now(), usageWrittenMs: usageWrittenMs.get(tenantUid) }
    return nextUsage(previous, { memoryBytes, keys, connections }, context) !== previous
  }

  #recordsOn(member: string, pool: string): readonly ShardRecord[] {
    return this.#options.shards.known(pool).filter(({ primary }) => primary.member === member)
  }

  /** Tenants whose record is not the one that this process knows, and all of a map that is gone. */
  #tenantsNewIn(map: Stored<ShardMap>): readonly Key[] {
    const { shards, caches } = this.#options
    const records = map.spec.shards as readonly ShardRecord[]
    const known = new Map(shards.known(map.spec.pool).map((record) => [shardKey(record), record]))
    const isGone = caches.of(shardMaps).get(map.metadata) === undefined
    return records
      .filter((record) => isGone || !isSameJson(known.get(shardKey(record)), record))
      .map(tenantKey)
  }

  #tenantsOf(pool: string, isMeant: (tenant: TenantNode) => boolean): readonly Key[] {
    return this.#options.caches
      .of(tenantNodes)
      .list()
      .filter((tenant) => tenant.spec.pool === pool && isMeant(tenant))
      .map(keyOfObject)
  }

  #poolThatLost(tenant: Stored<TenantNode>): readonly Key[] {
    const { caches, namespace } = this.#options
    const present = caches.of(tenantNodes).get(tenant.metadata)
    if (present?.metadata.uid === tenant.metadata.uid) return []
    return [keyOf({ namespace, name: tenant.spec.pool })]
  }

  #poolLabelled({ metadata }: Stored<KubeObject>): readonly Key[] {
    const { namespace } = this.#options
    const name = metadata.labels?.[labels.pool]
    return name === undefined || metadata.namespace !== namespace
      ? []
      : [keyOf({ namespace, name })]
  }

  #poolsOn(node: string): readonly Key[] {
    const { caches } = this.#options
    const there = caches
      .of(pods)
      .list()
      .filter(({ spec }) => spec?.nodeName === node)
    return [...new Set(there.flatMap((pod) => this.#poolLabelled(pod)))]
  }

  #allPools(): readonly Key[] {
    return this.#options.caches.of(runtimePools).list().map(keyOfObject)
  }

  #poolOf(member: string): string | undefined {
    const { caches, namespace } = this.#options
    const pod = caches.of(pods).get({ namespace, name: member })
    return pod?.metadata.labels?.[labels.pool]
  }

  #tellPool(name: string): void {
    const { clock, enqueue, namespace } = this.#options
    if (this.#announcedPools.has(name)) return
    this.#announcedPools.add(name)
    clock.after(POOL_NEWS_WINDOW_MS, () => {
      this.#announcedPools.delete(name)
      enqueue(poolControllerName, keyOf({ namespace, name }))
    })
  }
}

const tenantKey = ({ tenantNamespace: namespace, tenantName: name }: ShardRecord): Key =>
  keyOf({ namespace, name })

function tenantOwning(object: Stored<KubeObject>): readonly Key[] {
  const owner = controllerOf(object)
  const { namespace } = object.metadata
  if (owner?.kind !== 'TenantNode' || namespace === undefined) return []
  return [keyOf({ namespace, name: owner.name })]
}
