/** The one list of what the operator reconciles. main.ts starts what is named here. */
import { randomInt } from 'node:crypto'
import { labels, managedByMiniRedis } from '@miniredis/crds'
import { PASSWORD_RANDOM_CHARACTERS } from '../builders/connection-secret.ts'
import { sleep } from '../control/clock.ts'
import {
  endpointSlices,
  nodes,
  persistentVolumeClaims,
  pods,
  runtimePools,
  secrets,
  services,
  shardMaps,
  tenantNodes,
} from '../kube/resources.ts'
import type { OperatorParts, Ports, WatchedKind } from '../parts.ts'
import { MemberLinks } from '../runtime-client/member-links.ts'
import { createTlsDialler } from '../runtime-client/tls-dialler.ts'
import { ShardMapStore } from '../shard-maps/shard-map-store.ts'
import { InternalAuthority } from './internal-authority.ts'
import { News, poolControllerName, tenantControllerName } from './news.ts'
import type { PoolPorts } from './runtime-pool/ports.ts'
import { reconcilePool } from './runtime-pool/reconciler.ts'
import type { TenantMemory, TenantPorts } from './tenant-node/ports.ts'
import { reconcileTenant } from './tenant-node/reconciler.ts'

/** Enough that two hundred new tenants share few rounds of the ShardMap store. */
const TENANT_WORKERS = 32
const POOL_WORKERS = 2
const SHARD_ROUND_PAUSE_MS = 15

const ours = { labelSelector: `${labels.managedBy}=${managedByMiniRedis}` }

export const watchedKinds: readonly WatchedKind[] = [
  { type: runtimePools, namespaces: 'operator' },
  { type: tenantNodes, namespaces: 'all' },
  { type: shardMaps, namespaces: 'operator' },
  { type: pods, namespaces: 'operator', ...ours, indexedLabels: [labels.pool] },
  { type: persistentVolumeClaims, namespaces: 'operator', ...ours, indexedLabels: [labels.pool] },
  { type: secrets, namespaces: 'all', ...ours, indexedLabels: [labels.pool] },
  { type: services, namespaces: 'all', ...ours },
  { type: endpointSlices, namespaces: 'all', ...ours },
  { type: nodes, namespaces: 'all' },
] as readonly WatchedKind[]

export function createParts(ports: Ports): OperatorParts {
  const { kube, caches, clock, random, configuration } = ports
  const { namespace, image } = configuration
  const shards = new ShardMapStore(kube, namespace, () => sleep(clock, SHARD_ROUND_PAUSE_MS))
  const authority = new InternalAuthority({ kube, caches, clock, namespace })
  const dial = createTlsDialler({ namespace, credentials: () => authority.credentials() })
  const links = new MemberLinks({
    dial,
    clock,
    random,
    onChange: (member, change) => news.ofMember(member, change),
  })
  const memory = { linked: new Map(), vanished: new Map(), definitions: new Map() }
  const tenantMemory: TenantMemory = { usageWrittenMs: new Map(), writtenStatus: new Map() }
  const news = new News({ ...ports, namespace, shards, members: links, ...tenantMemory })
  const common = { ...ports, namespace, shards, members: links }
  const poolPorts: PoolPorts = { ...common, defaultImage: image, authority, memory }
  const tenantPorts: TenantPorts = { ...common, newSecretText, memory: tenantMemory }
  return {
    controllers: [
      {
        name: poolControllerName,
        workers: POOL_WORKERS,
        triggers: news.poolTriggers(),
        reconcile: (key) => reconcilePool(key, poolPorts),
      },
      {
        name: tenantControllerName,
        workers: TENANT_WORKERS,
        triggers: news.tenantTriggers(),
        reconcile: (key) => reconcileTenant(key, tenantPorts),
      },
    ],
    duties: [links],
  }
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

const newSecretText = (): string =>
  Array.from({ length: PASSWORD_RANDOM_CHARACTERS }, () =>
    alphabet.charAt(randomInt(alphabet.length)),
  ).join('')
