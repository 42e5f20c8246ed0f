/** The engine in this process, on a free port, with tenants that read as sentences. */
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type Assignment, defaultPersistence, type StorageReport } from '@miniredis/crds'
import { memberStorage } from '../src/persistence/open-store.ts'
import { systemClock } from '../src/server/clock.ts'
import { createEngineServer, type EngineServer } from '../src/server/engine-server.ts'
import type { EngineLimits } from '../src/server/limits.ts'
import { processFacts } from '../src/server/process-facts.ts'
import { silentLogger } from '../src/telemetry/logger.ts'
import { RespClient } from './resp-client.ts'

export interface TestEngine {
  readonly server: EngineServer
  readonly port: number
  /** Errors of commands that threw; a test that expects none checks that it stayed empty. */
  readonly failures: unknown[]
  /** What the engine said of its volume, the newest last. */
  readonly reports: StorageReport[]
  connect(): Promise<RespClient>
  /** Connected and authenticated as this tenant. */
  connectAs(name: string): Promise<RespClient>
  close(): Promise<void>
}

export const passwordOf = (name: string): string => `${tenantIdOf(name)}_${'p'.repeat(32)}`
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const tenantIdOf = (name: string): string => `t${name}`

/** The assignment of tenant `name` in namespace `team`, with room for everything. */
export function tenant(name: string, changes: Partial<Assignment> = {}): Assignment {
  return {
    tenantUid: `uid-${name}`,
    tenantId: tenantIdOf(name),
    userName: `${name}.team`,
    shard: 0,
    epoch: 1,
    firstSlot: 0,
    lastSlot: 16_383,
    passwordHashes: [sha256(passwordOf(name))],
    memoryLimitBytes: 0,
    connectionsMax: 1000,
    databases: 16,
    persistence: defaultPersistence,
    served: true,
    ...changes,
  }
}

export interface TestEngineOptions {
  readonly limits?: Partial<EngineLimits>
  readonly isOpen?: boolean
  /** The volume; without it everything is in memory only. */
  readonly directory?: string
}

/** An engine with these tenants; with `open` the first needs no authentication. */
export async function startEngine(
  tenants: readonly Assignment[],
  options: TestEngineOptions = {},
): Promise<TestEngine> {
  const failures: unknown[] = []
  const reports: StorageReport[] = []
  const server = createEngineServer({
    listen: { host: '127.0.0.1', port: 0 },
    clock: systemClock,
    random: () => randomBytes(4).readUInt32LE(),
    facts: processFacts(),
    limits: options.limits ?? {},
    ...(options.directory === undefined
      ? {}
      : { createStorage: storageIn(options.directory, (report) => reports.push(report)) }),
    commandFailed: (error) => failures.push(error),
    ...(options.isOpen === true ? { openTenantUid: tenants[0].tenantUid } : {}),
  })
  for (const assignment of tenants) server.assign(assignment)
  const port = await server.listen()
  const connect = () => RespClient.connect(port)
  return {
    server,
    port,
    failures,
    reports,
    connect,
    connectAs: async (name) => {
      const client = await connect()
      const reply = await client.call('AUTH', passwordOf(name))
      if (reply !== '+OK\r\n') throw new Error(`${name} was not let in: ${reply}`)
      return client
    },
    close: () => server.close(),
  }
}

const storageIn = (directory: string, report: (report: StorageReport) => void) =>
  memberStorage(
    {
      directory,
      logProgram: join(import.meta.dirname, '../src/log-worker-main.ts'),
      clock: systemClock,
      logger: silentLogger,
    },
    report,
  )
