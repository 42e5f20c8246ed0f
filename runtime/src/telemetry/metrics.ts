/** The metrics of a member. The only file that knows prom-client. Read when scraped, never pushed. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { TENANT_SERIES_MAX } from '../supervisor/limits.ts'
import type { NamedUsage, SupervisorView } from '../supervisor/supervisor.ts'
import type { HttpAnswer } from './http-server.ts'

type Reading = readonly [name: string, help: string, read: (view: SupervisorView) => number]

const gauges: readonly Reading[] = [
  ['engine_up', '1 while the engine serves.', (view) => Number(view.engine.phase === 'running')],
  [
    'engine_stalled',
    '1 while the engine makes no progress.',
    (view) => Number(view.engine.phase === 'stalled'),
  ],
  ['tenants_held', 'Shards that this member holds.', (view) => view.tenantsHeld],
  ['shards_failed', 'Held shards that the engine could not apply.', (view) => view.shardsFailed],
  ['shards_loading', 'Shards still being read.', ({ storage }) => storage.loading.length],
  [
    'shards_damaged',
    'Shards whose files are damaged, not served.',
    ({ storage }) => storage.damaged.length,
  ],
  [
    'volume_full',
    '1 while writes are refused because the volume is full.',
    ({ storage }) => Number(storage.volume.state === 'Full'),
  ],
  [
    'volume_failed',
    '1 while writes are refused because a write or fsync failed.',
    ({ storage }) => Number(storage.volume.state === 'Failed'),
  ],
  ['control_connections', 'Open control connections.', (view) => view.controlConnections],
  [
    'tenant_series_dropped',
    'Tenants beyond the cap, without series of their own.',
    (view) => Math.max(0, view.usage.length - TENANT_SERIES_MAX),
  ],
]

const counters: readonly Reading[] = [
  ['engine_restarts_total', 'Restarts of the engine.', (view) => view.engine.restarts],
  ['heartbeats_total', 'Heartbeats answered.', (view) => view.heartbeats],
  ['control_rejections_total', 'Control peers refused.', (view) => view.controlRejections],
]

type TenantReading = readonly [name: string, help: string, read: (usage: NamedUsage) => number]

const tenantGauges: readonly TenantReading[] = [
  ['tenant_memory_bytes', 'Memory of keys and values.', (usage) => usage.memoryBytes],
  ['tenant_keys', 'Keys in all databases.', (usage) => usage.keys],
  ['tenant_connections', 'Open client connections.', (usage) => usage.connections],
]

const PREFIX = 'miniredis_runtime_'
const tenantLabels = ['tenant', 'shard']

/** Returns what answers a scrape with the present view. */
export function createMetrics(view: () => SupervisorView): () => Promise<HttpAnswer> {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: `${PREFIX}supervisor_` })
  for (const [name, help, read] of gauges) {
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [registry],
      collect() {
        this.set(read(view()))
      },
    })
  }
  for (const reading of counters) registerCounter(registry, view, reading)
  for (const reading of tenantGauges) registerTenantGauge(registry, view, reading)
  return async () => ({
    status: 200,
    contentType: registry.contentType,
    body: await registry.metrics(),
  })
}

function registerCounter(registry: Registry, view: () => SupervisorView, reading: Reading): void {
  const [name, help, read] = reading
  new Counter({
    name: PREFIX + name,
    help,
    registers: [registry],
    collect() {
      this.reset()
      this.inc(read(view()))
    },
  })
}

function registerTenantGauge(
  registry: Registry,
  view: () => SupervisorView,
  [name, help, read]: TenantReading,
): void {
  new Gauge({
    name: PREFIX + name,
    help,
    labelNames: tenantLabels,
    registers: [registry],
    collect() {
      this.reset()
      for (const usage of largest(view().usage)) this.set(labelsOf(usage), read(usage))
    },
  })
}

const labelsOf = ({ userName, shard }: NamedUsage) => ({ tenant: userName, shard })

/** The tenants that get series: those with the most memory, so that the costly ones stay visible. */
function largest(usage: readonly NamedUsage[]): readonly NamedUsage[] {
  if (usage.length <= TENANT_SERIES_MAX) return usage
  const sorted = [...usage].sort((a, b) => b.memoryBytes - a.memoryBytes)
  return sorted.slice(0, TENANT_SERIES_MAX)
}
