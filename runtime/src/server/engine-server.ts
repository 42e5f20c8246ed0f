/**
 * The RESP server of one process: tenants, their connections, and the one timer.
 *
 * `assign` and `unassign` change what is served while it serves; `usage` and `progress` tell how it
 * goes. Everything from outside (time, randomness, address, limits) comes in through the options.
 */
import net from 'node:net'
import type { Assignment, TenantUsage } from '@miniredis/crds'
import type { Authenticator } from '../commands/connection.ts'
import { ExecutionContext } from '../commands/execution-context.ts'
import type { ServerFacts } from '../commands/server-facts.ts'
import { createCommandIndex } from '../commands/table.ts'
import { KeyspaceHost } from '../engine/keyspace.ts'
import { Tenant } from '../tenancy/tenant.ts'
import { DEFAULT_USER, TenantRegistry } from '../tenancy/tenant-registry.ts'
import type { Clock } from './clock.ts'
import { Connection, type ConnectionHost } from './connection.ts'
import { Executor } from './executor.ts'
import { Housekeeping, TICK_MS } from './housekeeping.ts'
import { defaultLimits, type EngineLimits, LINGER_MS } from './limits.ts'
import { Newcomers } from './newcomers.ts'
import { Refusals } from './refusals.ts'
import { TurnQueue } from './turn-queue.ts'

const KEEP_ALIVE_MS = 300_000
const BACKLOG = 511

export interface EngineServerOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly clock: Clock
  /** Random unsigned 32-bit integers, unpredictable to clients: they key the hash of keys. */
  readonly random: () => number
  readonly limits?: Partial<EngineLimits>
  readonly facts: Omit<ServerFacts, 'tcpPort' | 'settings'>
  /** Settings of the process for CONFIG GET. */
  readonly settings?: ReadonlyMap<string, string>
  /** A command threw: a bug, to be logged; it has ended the connection that met it. */
  readonly commandFailed: (error: unknown) => void
  /** Connections belong to this tenant without authentication, once it is assigned. */
  readonly openTenantUid?: string
}

export interface EngineServer {
  /** Resolves with the port when clients can connect; rejects when the address cannot be had. */
  listen(): Promise<number>
  /** Takes a tenant in or changes it in place; no connection is dropped. Throws StaleEpochError. */
  assign(assignment: Assignment): void
  /** Closes the tenant's connections and drops its data; false when it was not here. */
  unassign(tenantUid: string): boolean
  usage(): TenantUsage[]
  /** Grows while the event loop turns. */
  progress(): number
  /** Open connections, those without a tenant included. */
  connectionCount(): number
  /** Stops listening and closes all connections. */
  close(): Promise<void>
}

export function createEngineServer(options: EngineServerOptions): EngineServer {
  return new Server(options)
}

class Server implements EngineServer, ConnectionHost {
  readonly limits: EngineLimits
  readonly executor: Executor
  readonly #options: EngineServerOptions
  readonly #registry: TenantRegistry
  readonly #listener: net.Server
  readonly #connections = new Set<Connection>()
  readonly #newcomers: Newcomers
  readonly #refusals = new Refusals()
  readonly #lingering = new Map<Connection, number>()
  readonly #turns = new TurnQueue<Tenant | undefined, Connection>()
  readonly #housekeeping: Housekeeping
  #timer: NodeJS.Timeout | undefined
  #isRoundPlanned = false
  #lastId = 0
  #port = 0

  constructor(options: EngineServerOptions) {
    this.#options = options
    this.limits = { ...defaultLimits, ...options.limits }
    const { random } = options
    const host = new KeyspaceHost({ seed: [random(), random()], random })
    this.#registry = new TenantRegistry(host)
    this.#newcomers = new Newcomers(this.limits)
    this.#housekeeping = new Housekeeping(host, this.#registry, options.clock)
    this.executor = this.#createExecutor(new Tenant(host, nobody))
    this.#listener = net.createServer(
      {
        pauseOnConnect: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_MS,
      },
      (socket) => this.#accept(socket),
    )
  }

  #createExecutor(nobodysTenant: Tenant): Executor {
    const { clock, facts, settings, commandFailed } = this.#options
    const openTenant = () => this.#openTenant()
    const gate: Authenticator = {
      get openTenant() {
        return openTenant()
      },
      authenticate: (user, password) =>
        (user === DEFAULT_USER ? openTenant() : undefined) ??
        this.#registry.authenticate(user, password),
    }
    const index = createCommandIndex(gate, {
      ...facts,
      tcpPort: () => this.#port,
      settings: () => this.#settings(settings),
    })
    return new Executor(clock, index, new ExecutionContext(nobodysTenant), commandFailed)
  }

  #settings(own: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
    const { idleMs } = this.limits
    return new Map([
      ...own,
      ['port', String(this.#port)],
      ['timeout', String(Math.floor(idleMs / 1000))],
    ])
  }

  #openTenant(): Tenant | undefined {
    const { openTenantUid } = this.#options
    return openTenantUid === undefined ? undefined : this.#registry.get(openTenantUid)
  }

  async listen(): Promise<number> {
    const { host, port } = this.#options.listen
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#listener.once('error', reject)
    this.#listener.listen({ host, port, backlog: BACKLOG }, resolve)
    await promise
    this.#listener.off('error', reject)
    const address = this.#listener.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    return this.#port
  }

  assign(assignment: Assignment): void {
    this.#registry.assign(assignment)
  }

  unassign(tenantUid: string): boolean {
    return this.#registry.unassign(tenantUid)
  }

  usage(): TenantUsage[] {
    return Array.from(this.#registry.tenants(), (tenant) => ({
      tenantUid: tenant.assignment.tenantUid,
      shard: tenant.assignment.shard,
      memoryBytes: tenant.usedBytes,
      keys: tenant.keyCount,
      connections: tenant.sessions.size,
    }))
  }

  progress(): number {
    return this.#housekeeping.ticks
  }

  connectionCount(): number {
    return this.#connections.size
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#listener.close(() => resolve())
    for (const connection of [...this.#connections]) connection.close()
    this.#refusals.close()
    await promise
  }

  #accept(socket: net.Socket): void {
    if (this.#connections.size >= this.limits.connectionsMax) {
      this.#refusals.add(socket)
      return
    }
    const connection = new Connection(this, socket, ++this.#lastId)
    this.#connections.add(connection)
    const open = this.#openTenant()
    if (open === undefined) this.moved(connection)
    else if (!connection.join(open, DEFAULT_USER))
      connection.refuse('ERR max number of clients reached')
    this.#newcomers.trim()
  }

  moved(connection: Connection): void {
    if (connection.tenant !== undefined) this.#newcomers.delete(connection)
    else this.#newcomers.add(connection, this.executor.clock.nowMs())
  }

  lingers(connection: Connection): void {
    this.#newcomers.delete(connection)
    this.#lingering.set(connection, this.executor.clock.monotonicMs() + LINGER_MS)
  }

  gone(connection: Connection): void {
    this.#connections.delete(connection)
    this.#newcomers.delete(connection)
    this.#lingering.delete(connection)
  }

  schedule(connection: Connection): void {
    this.#turns.add(connection.tenant, connection)
    this.#planRound()
  }

  #planRound(): void {
    if (this.#isRoundPlanned) return
    this.#isRoundPlanned = true
    setImmediate(() => this.#runRound())
  }

  /** One turn for each tenant that waits, then the loop looks at its sockets again. */
  #runRound(): void {
    this.#isRoundPlanned = false
    for (let turns = this.#turns.ownerCount; turns > 0; turns--) this.#turns.take()?.continue()
    if (!this.#turns.isEmpty) this.#planRound()
  }

  #tick(): void {
    const isWholeSecond = this.#housekeeping.tick()
    if (!isWholeSecond) return
    const { clock } = this.executor
    this.#newcomers.expire(clock.nowMs())
    this.#newcomers.trim()
    this.#closeIdle(clock.nowMs())
    for (const [connection, deadlineMs] of this.#lingering) {
      if (clock.monotonicMs() > deadlineMs) connection.close()
    }
  }

  #closeIdle(nowMs: number): void {
    const { idleMs } = this.limits
    if (idleMs === 0) return
    for (const connection of this.#connections) {
      if (nowMs - connection.lastTurnAtMs > idleMs) connection.close()
    }
  }
}

/** What a connection without a tenant has: nothing. */
const nobody: Assignment = {
  tenantUid: 'nobody',
  tenantId: 'nobody',
  userName: 'nobody',
  shard: 0,
  epoch: 1,
  firstSlot: 0,
  lastSlot: 0,
  passwordHashes: [],
  memoryLimitBytes: 0,
  connectionsMax: 1,
  databases: 1,
}
