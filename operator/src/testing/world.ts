/**
 * A small world for the reconcilers: the embedded API as their cluster, a kubelet of a few lines,
 * members without processes, a clock that stands still. Everything happens when the test says so.
 */
import { customResources, type RuntimePoolSpec, type TenantNodeSpec } from '@miniredis/crds'
import pino from 'pino'
import { buildCrd } from '../../../crds/generator/crd.ts'
import { openTestApi } from '../../../embedded/src/testing.ts'
import type { Outcome } from '../control/outcome.ts'
import { VirtualClock } from '../control/virtual-clock.ts'
import { ObjectCache } from '../kube/cache.ts'
import type { RecordedEvent } from '../kube/events.ts'
import { type Key, type KubeObject, keyOfObject, type ResourceType } from '../kube/object.ts'
import {
  customResourceDefinitions,
  nodes,
  type Pod,
  pods,
  runtimePools,
  shardMaps,
  type TenantNode,
  tenantNodes,
} from '../kube/resources.ts'
import type { Caches } from '../parts.ts'
import { InternalAuthority } from '../reconcilers/internal-authority.ts'
import { watchedKinds } from '../reconcilers/parts.ts'
import type { PoolPorts } from '../reconcilers/runtime-pool/ports.ts'
import { reconcilePool } from '../reconcilers/runtime-pool/reconciler.ts'
import type { TenantPorts } from '../reconcilers/tenant-node/ports.ts'
import { reconcileTenant } from '../reconcilers/tenant-node/reconciler.ts'
import { ShardMapStore } from '../shard-maps/shard-map-store.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { asStored, createEmbeddedKube, type EmbeddedKube, resourceOf } from './embedded-kube.ts'
import { FakeMembers } from './fake-members.ts'

export const OPERATOR_NAMESPACE = 'miniredis'
export const TENANT_NAMESPACE = 'team-a'
/** Passes of reconciling everything after which a world that still changes is a bug. */
const PASSES_MAX = 40

export class World {
  readonly #api = openTestApi()
  readonly store = this.#api.store
  readonly kube: EmbeddedKube = createEmbeddedKube(this.store)
  readonly clock = new VirtualClock(Date.UTC(2030, 0, 1))
  readonly members = new FakeMembers()
  readonly events: RecordedEvent[] = []
  readonly outcomes = new Map<Key, Outcome>()
  /** Pods that the kubelet does not know how to start, or stop. */
  readonly stuck = new Set<string>()
  /** Keys of all pools that there ever were: news of their last pods come after them. */
  readonly #pools = new Set<Key>()
  readonly #caches = new Map<string, ObjectCache<KubeObject>>()
  #pool: PoolPorts
  #tenant: TenantPorts

  constructor() {
    for (const resource of customResources) this.put(customResourceDefinitions, buildCrd(resource))
    for (const name of [OPERATOR_NAMESPACE, TENANT_NAMESPACE])
      this.put(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    for (const letter of ['a', 'b', 'c'])
      this.put(nodes, {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name: `node-${letter}`,
          labels: { 'topology.kubernetes.io/zone': `zone-${letter}` },
        },
      })
    ;[this.#pool, this.#tenant] = this.#createPorts()
    this.settleApi()
  }

  /** What a new leader knows: nothing but what is in the API, and on the members. */
  restartOperator(): void {
    ;[this.#pool, this.#tenant] = this.#createPorts()
  }

  #createPorts(): [PoolPorts, TenantPorts] {
    const { kube, clock, members } = this
    const caches = { of: (type: ResourceType) => this.#cacheOf(type) } as unknown as Caches
    const namespace = OPERATOR_NAMESPACE
    let secretsMade = 0
    const common = {
      kube,
      caches,
      clock,
      members,
      namespace,
      recorder: { record: (_: KubeObject, event: RecordedEvent) => void this.events.push(event) },
      shards: new ShardMapStore(kube, namespace),
      log: pino({ level: 'silent' }),
      metrics: createMetrics({ processMetrics: false }).metrics,
    }
    const pool = {
      ...common,
      defaultImage: 'miniredis:test',
      authority: new InternalAuthority({ kube, caches, clock, namespace }),
      memory: { linked: new Map(), vanished: new Map(), definitions: new Map() },
    }
    const newSecretText = () => String(secretsMade++).padStart(32, 'x')
    return [
      pool,
      { ...common, newSecretText, memory: { usageWrittenMs: new Map(), writtenStatus: new Map() } },
    ]
  }

  createPool(spec: Partial<RuntimePoolSpec> = {}, name = 'default'): void {
    const metadata = { name, namespace: OPERATOR_NAMESPACE }
    this.put(runtimePools, {
      apiVersion: apiVersionOf(runtimePools),
      kind: 'RuntimePool',
      metadata,
      spec,
    })
  }

  createTenant(name: string, spec: DeepPartial<TenantNodeSpec> = {}): void {
    const metadata = { name, namespace: TENANT_NAMESPACE }
    this.put(tenantNodes, {
      apiVersion: apiVersionOf(tenantNodes),
      kind: 'TenantNode',
      metadata,
      spec,
    })
  }

  put(type: ResourceType, object: object): void {
    this.store.create(resourceOf(type), object as never)
  }

  tenant(name: string): TenantNode | undefined {
    return this.find(tenantNodes, TENANT_NAMESPACE, name)
  }

  find<T extends KubeObject>(
    type: ResourceType<T>,
    namespace: string,
    name: string,
  ): T | undefined {
    const found = this.store.find(resourceOf(type), { namespace, name })
    return found === undefined ? undefined : asStored<T>(found)
  }

  all<T extends KubeObject>(type: ResourceType<T>): readonly T[] {
    return this.store.list(resourceOf(type)).items.map((item) => asStored<T>(item))
  }

  patch(
    type: ResourceType,
    namespace: string | undefined,
    name: string,
    body: object,
    subresource?: 'status',
  ): void {
    const options = subresource === undefined ? {} : { subresource }
    this.store.patch(resourceOf(type), { namespace, name }, { kind: 'merge', body }, options)
  }

  delete(type: ResourceType, namespace: string | undefined, name: string): void {
    this.store.delete(resourceOf(type), { namespace, name })
    this.settleApi()
  }

  settleApi(): void {
    this.#api.settle()
  }

  get records() {
    return this.all(shardMaps).flatMap(({ spec }) => spec.shards)
  }

  /** Reconciles every pool and tenant once, on fresh caches. Failures become outcomes. */
  async reconcileAll(): Promise<void> {
    await this.reconcilePools()
    this.refresh()
    const keys = this.all(tenantNodes).map(keyOfObject)
    await Promise.all(keys.map((key) => this.#turn(key, () => reconcileTenant(key, this.#tenant))))
    this.settleApi()
  }

  async reconcilePools(): Promise<void> {
    this.refresh()
    for (const pool of this.all(runtimePools)) this.#pools.add(keyOfObject(pool))
    await this.reconcilePoolsOnOldCaches()
  }

  /** As when a reconcile is quicker than the watch that tells what the last one wrote. */
  async reconcilePoolsOnOldCaches(): Promise<void> {
    for (const key of this.#pools) await this.#turn(key, () => reconcilePool(key, this.#pool))
    this.settleApi()
  }

  async #turn(key: Key, reconcile: () => Promise<Outcome>): Promise<void> {
    try {
      this.outcomes.set(key, await reconcile())
    } catch (error) {
      this.outcomes.set(key, { kind: 'failed', error })
    }
  }

  /** Reconciles, with the kubelet in between, until a whole pass writes nothing. */
  async settle(): Promise<void> {
    for (let pass = 0; pass < PASSES_MAX; pass++) {
      const writes = this.kube.writes.length
      await this.reconcileAll()
      const hasRun = this.runKubelet()
      if (this.kube.writes.length === writes && !hasRun) return
    }
    throw new Error(`the world has not settled: ${JSON.stringify(this.kube.writes.slice(-8))}`)
  }

  /** Starts pods that are new, ends pods that are deleted. @returns whether it did anything */
  runKubelet(): boolean {
    const busy = this.all(pods).filter((pod) => !this.stuck.has(pod.metadata.name))
    const acted = busy.map((pod) => this.#runPod(pod))
    this.settleApi()
    return acted.includes(true)
  }

  #runPod(pod: Pod): boolean {
    const { name, deletionTimestamp } = pod.metadata
    if (deletionTimestamp === undefined && pod.status?.phase === 'Pending') {
      this.startPod(name)
      return true
    }
    if (deletionTimestamp === undefined || pod.status?.phase === 'Failed') return false
    this.endPod(name)
    return true
  }

  startPod(name: string, { volumeNonce }: { volumeNonce?: string } = {}): void {
    const pod = this.find(pods, OPERATOR_NAMESPACE, name)
    const index = Number(name.split('-').at(-2))
    if (!pod?.spec?.nodeName)
      this.store.create(
        resourceOf(pods),
        {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { name, namespace: OPERATOR_NAMESPACE },
          target: { apiVersion: 'v1', kind: 'Node', name: `node-${'abc'.charAt(index % 3)}` },
        } as never,
        { subresource: 'binding' },
      )
    const status = {
      phase: 'Running',
      podIP: `10.0.0.${index + 1}`,
      hostIP: `192.168.0.${index + 1}`,
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [
        {
          ...containerStatus,
          containerID: `process://${pod?.metadata.uid}`,
          ready: true,
          state: { running: { startedAt: '2030-01-01T00:00:00Z' } },
        },
      ],
    }
    this.patch(pods, OPERATOR_NAMESPACE, name, { status }, 'status')
    this.members.boot(name, pod?.metadata.uid ?? '', volumeNonce)
  }

  /** The container has ended and the kubelet says so; a deleted pod then goes. */
  endPod(name: string): void {
    const pod = this.find(pods, OPERATOR_NAMESPACE, name)
    const containerID = `process://${pod?.metadata.uid}`
    const status = {
      phase: 'Failed',
      conditions: [{ type: 'Ready', status: 'False' }],
      containerStatuses: [
        {
          ...containerStatus,
          containerID,
          ready: false,
          state: { terminated: { exitCode: 137, containerID } },
        },
      ],
    }
    this.patch(pods, OPERATOR_NAMESPACE, name, { status }, 'status')
    this.members.die(name)
    if (pod?.metadata.deletionTimestamp !== undefined)
      this.store.delete(
        resourceOf(pods),
        { namespace: OPERATOR_NAMESPACE, name },
        { gracePeriodSeconds: 0 },
      )
    this.settleApi()
  }

  /** Caches as reflectors would have them by now. A kind that is not served keeps what it had. */
  refresh(): void {
    this.settleApi()
    for (const { type, labelSelector, indexedLabels } of watchedKinds) {
      const cache = this.#caches.get(type.plural) ?? new ObjectCache<KubeObject>(indexedLabels)
      this.#caches.set(type.plural, cache)
      try {
        const { items } = this.store.list(resourceOf(type), { labelSelector })
        cache.replace(items.map((item) => asStored(item)))
      } catch {
        cache.replace([])
      }
    }
  }

  #cacheOf({ plural }: ResourceType): ObjectCache<KubeObject> {
    const cache = this.#caches.get(plural)
    if (cache === undefined) throw new Error(`${plural} is not watched`)
    return cache
  }

  /** Writes that a function caused. */
  async writesOf(run: () => Promise<unknown>): Promise<readonly string[]> {
    const before = this.kube.writes.length
    await run()
    return this.kube.writes.slice(before).map(({ verb, kind, name }) => `${verb} ${kind} ${name}`)
  }
}

type DeepPartial<T> = T extends object ? { [K in keyof T]?: DeepPartial<T[K]> } : T

const containerStatus = {
  name: 'runtime',
  image: 'miniredis:test',
  imageID: 'miniredis:test',
  restartCount: 0,
}

const namespaces: ResourceType = {
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
}

const apiVersionOf = ({ apiVersion }: ResourceType): string => apiVersion

/** A pool of three members that are up, and the tenants named. */
export async function settledWorld(...tenants: readonly string[]): Promise<World> {
  const world = new World()
  world.createPool()
  for (const name of tenants) world.createTenant(name)
  await world.settle()
  return world
}
