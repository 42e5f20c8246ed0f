/** Small worlds for tests of plans and states: one pool, one member, shards as sentences. */
import {
  annotations,
  type HeldShard,
  healthyStorage,
  runtimePoolSpecSchema,
  type ShardRecord,
  type StorageReport,
  shardKey,
  type TenantNodeSpec,
  tenantNodeSpecSchema,
} from '@miniredis/crds'
import type { PoolOwner, TenantOwner } from '../../builders/owned-metadata.ts'
import type { Stored } from '../../kube/object.ts'
import type { Pod } from '../../kube/resources.ts'
import type { MemberReport } from '../../runtime-client/member-report.ts'
import type { Observed as PoolObserved } from '../runtime-pool/observe.ts'
import type { Observed as TenantObserved } from '../tenant-node/observe.ts'

export const MEMBER = 'default-0-1'

export const recordOf = (tenantUid: string, changes: Partial<ShardRecord> = {}): ShardRecord => ({
  tenantUid,
  tenantNamespace: 'team-a',
  tenantName: 'cache',
  shard: 0,
  firstSlot: 0,
  lastSlot: 16_383,
  epoch: 3,
  phase: 'Serving',
  primary: { member: MEMBER },
  configuration: { version: 1, copies: [{ member: MEMBER }] },
  ...changes,
})

export const heldOf = (tenantUid: string, changes: Partial<HeldShard> = {}): HeldShard => ({
  tenantUid,
  shard: 0,
  epoch: 3,
  digest: 'd',
  retained: false,
  ...changes,
})

export const poolOf = (changes: {
  readonly size?: string
  readonly removeRetained?: string
}): PoolOwner => ({
  apiVersion: 'miniredis.io/v1alpha1',
  kind: 'RuntimePool',
  metadata: {
    name: 'default',
    namespace: 'miniredis',
    uid: 'pool',
    resourceVersion: '1',
    annotations: { [annotations.removeRetained]: changes.removeRetained ?? '' },
  },
  spec: runtimePoolSpecSchema.parse({ members: 1, storage: { size: changes.size ?? '1Gi' } }),
})

export const tenantOf = (
  uid: string,
  spec: Partial<TenantNodeSpec> = {},
  adopt?: string,
): TenantOwner => ({
  apiVersion: 'miniredis.io/v1alpha1',
  kind: 'TenantNode',
  metadata: {
    name: 'cache',
    namespace: 'team-a',
    uid,
    resourceVersion: '1',
    ...(adopt !== undefined && { annotations: { [annotations.adopt]: adopt } }),
  },
  spec: tenantNodeSpecSchema.parse(spec),
})

const readyPod: Stored<Pod> = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: MEMBER, namespace: 'miniredis', uid: 'pod', resourceVersion: '1' },
  status: { podIP: '127.0.0.9', conditions: [{ type: 'Ready', status: 'True' }] },
}

const reportOf = (held: readonly HeldShard[], storage: StorageReport): MemberReport => ({
  member: MEMBER,
  podUid: 'pod',
  connected: true,
  suspected: false,
  volumeNonce: 'volume',
  engine: { phase: 'running', bootNonce: 'boot', progress: 1, restarts: 0 },
  held: new Map(held.map((shard) => [shardKey(shard), shard])),
  usage: new Map(),
  storage,
  exits: [],
  lastAnswerMs: 0,
  failure: undefined,
})

export interface World {
  readonly records?: readonly ShardRecord[]
  readonly held?: readonly HeldShard[]
  readonly storage?: Partial<StorageReport>
}

const membersOf = ({ held = [], storage = {} }: World) => [
  {
    name: MEMBER,
    pod: readyPod,
    zone: undefined,
    node: undefined,
    report: reportOf(held, { ...healthyStorage, ...storage }),
  },
]

export const poolWorld = (pool: PoolOwner, world: World): PoolObserved => ({
  name: 'default',
  pool,
  invalid: undefined,
  members: membersOf(world),
  volumes: new Map(),
  expandableClasses: new Set(),
  certificates: new Map(),
  dueCertificates: new Set(),
  service: undefined,
  records: world.records ?? [],
  strays: [],
  orphans: {
    vanished: new Map(),
    tenants: 1,
    definitionUid: 'definition',
    knownDefinitionUid: 'definition',
    accepted: undefined,
  },
  linked: new Set(),
  defaultImage: 'miniredis:test',
})

/** `records`: what the tenant owns; `retained`: what an earlier one of its name left behind. */
export const tenantWorld = (
  tenant: TenantOwner,
  world: World & { readonly retained?: readonly ShardRecord[] },
): TenantObserved => ({
  tenant,
  invalid: undefined,
  operatorNamespace: 'miniredis',
  pool: poolOf({}),
  shards: world.records ?? [],
  retained: world.retained ?? [],
  members: membersOf(world),
  children: { secret: { kind: 'absent' }, service: { kind: 'absent' }, slice: { kind: 'absent' } },
})
