/**
 * INFO: sections of `field:value` lines with the names that clients and tools read.
 *
 * Numbers of clients, memory, statistics and keys are the tenant's own; process facts (version,
 * uptime) are shared knowledge. https://redis.io/commands/info
 */
import type { Args } from '../protocol/args.ts'
import type { Tenant } from '../tenancy/tenant.ts'
import type { CommandContext } from './command.ts'
import { PRODUCT_VERSION, REDIS_VERSION, type ServerFacts } from './server-facts.ts'
import type { StorageCommands } from './storage.ts'

type Fields = readonly (readonly [name: string, value: string | number])[]
export interface InfoSources {
  readonly facts: ServerFacts
  readonly storage: StorageCommands
  readonly context: CommandContext
}
type Section = (sources: InfoSources) => Fields

const sections: Readonly<Record<string, Section>> = {
  server,
  clients,
  memory,
  persistence,
  stats,
  replication,
  keyspace,
}

const everything: readonly string[] = Object.keys(sections)
const collective = new Set(['all', 'default', 'everything'])

/** The sections that the arguments name, in the order of the reply; without arguments all. */
export function parseInfoSections(args: Args): readonly string[] {
  const named = Array.from({ length: args.count - 1 }, (_, at) => args.text(at + 1).toLowerCase())
  if (named.length === 0 || named.some((name) => collective.has(name))) return everything
  return everything.filter((name) => named.includes(name))
}

/** The text of these sections, lines ended as Redis ends them. */
export function renderInfo(sources: InfoSources, names: readonly string[]): string {
  return names
    .map((name) => {
      const lines = (sections[name]?.(sources) ?? []).map(
        ([field, value]) => `${field}:${value}\r\n`,
      )
      return `# ${name.charAt(0).toUpperCase()}${name.slice(1)}\r\n${lines.join('')}`
    })
    .join('\r\n')
}

function server({ facts, context: { nowMs } }: InfoSources): Fields {
  const uptimeSeconds = Math.max(0, Math.floor((nowMs - facts.startedAtMs) / 1000))
  return [
    ['redis_version', REDIS_VERSION],
    ['miniredis_version', PRODUCT_VERSION],
    ['redis_mode', 'standalone'],
    ['os', facts.operatingSystem],
    ['arch_bits', 64],
    ['runtime_version', facts.runtimeVersion],
    ['process_id', facts.processId],
    ['run_id', facts.runId],
    ['tcp_port', facts.tcpPort()],
    ['server_time_usec', Math.floor(nowMs * 1000)],
    ['uptime_in_seconds', uptimeSeconds],
    ['uptime_in_days', Math.floor(uptimeSeconds / 86_400)],
  ]
}

function clients({ context: { tenant } }: InfoSources): Fields {
  return [
    ['connected_clients', tenant.sessions.size],
    ['maxclients', tenant.assignment.connectionsMax],
    ['blocked_clients', 0],
  ]
}

function memory({ context: { tenant } }: InfoSources): Fields {
  const { memoryLimitBytes } = tenant.assignment
  return [
    ['used_memory', tenant.usedBytes],
    ['used_memory_human', humanBytes(tenant.usedBytes)],
    ['used_memory_dataset', tenant.usedBytes],
    ['mem_clients_normal', tenant.bufferBytes],
    ['maxmemory', memoryLimitBytes],
    ['maxmemory_human', humanBytes(memoryLimitBytes)],
    ['maxmemory_policy', 'noeviction'],
  ]
}

/** Clients wait for `loading:0` before they send. */
function persistence({ storage, context: { tenant } }: InfoSources): Fields {
  const facts = storage.persistenceOf(tenant)
  const log = facts.hasLog ? [['aof_current_size', facts.logBytes] as const] : []
  const loading = facts.isLoading ? [['loading_loaded_perc', facts.loadedPercent] as const] : []
  return [
    ['loading', Number(facts.isLoading)],
    ...loading,
    ['rdb_changes_since_last_save', facts.changesSinceSave],
    ['rdb_bgsave_in_progress', Number(facts.isSaving)],
    ['rdb_last_save_time', facts.lastSaveSeconds],
    ['rdb_last_bgsave_status', facts.wasLastSaveGood ? 'ok' : 'err'],
    ['rdb_saves', facts.savesSinceStart],
    ['aof_enabled', Number(facts.hasLog)],
    ['aof_rewrite_in_progress', Number(facts.hasLog && facts.isSaving)],
    ['aof_rewrite_scheduled', 0],
    ['aof_last_bgrewrite_status', facts.wasLastSaveGood ? 'ok' : 'err'],
    ['aof_last_write_status', facts.isLogGood ? 'ok' : 'err'],
    ...log,
  ]
}

function stats({ context: { tenant } }: InfoSources): Fields {
  const total = { hits: 0, misses: 0, expired: 0 }
  for (const [, database] of tenant.databases()) {
    total.hits += database.stats.hits
    total.misses += database.stats.misses
    total.expired += database.stats.expired
  }
  return [
    ['total_connections_received', tenant.stats.connections],
    ['total_commands_processed', tenant.stats.commands],
    ['total_net_input_bytes', tenant.stats.inputBytes],
    ['total_net_output_bytes', tenant.stats.outputBytes],
    ['rejected_connections', tenant.stats.rejectedConnections],
    ['total_error_replies', tenant.stats.errorReplies],
    ['expired_keys', total.expired],
    ['evicted_keys', 0],
    ['keyspace_hits', total.hits],
    ['keyspace_misses', total.misses],
  ]
}

function replication(): Fields {
  return [
    ['role', 'master'],
    ['connected_slaves', 0],
  ]
}

function keyspace({ context: { tenant } }: InfoSources): Fields {
  return [...nonEmptyDatabases(tenant)]
}

function* nonEmptyDatabases(tenant: Tenant): Generator<readonly [string, string]> {
  for (const [index, database] of tenant.databases()) {
    if (database.size === 0) continue
    yield [`db${index}`, `keys=${database.size},expires=${database.expiringCount},avg_ttl=0`]
  }
}

const UNITS = ['B', 'K', 'M', 'G', 'T', 'P']

/** `1.50M`, as Redis' bytesToHuman prints it. */
function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1)
  return `${(bytes / 1024 ** power).toFixed(2)}${UNITS[power]}`
}
