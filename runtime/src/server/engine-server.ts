/**
 * The RESP server of one process: tenants, their connections, and the one timer.
 *
 * `assign` and `unassign` change what is served while it serves; `usage` and `progress` tell how it
 * goes. Everything from outside (time, randomness, address, limits) comes in through the options.
 */
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Assignment, TenantUsage } from '@miniredis/crds'
import type { Authenticator } from '../commands/connection.ts'
import { ExecutionContext } from '../commands/execution-context.ts'
import { Replay } from '../commands/replay.ts'
import type { ServerFacts } from '../commands/server-facts.ts'
import { memoryOnly, type Shutdown, type StorageCommands } from '../commands/storage.ts'
import { createCommandIndex } from '../commands/table.ts'
import { KeyspaceHost } from '../engine/keyspace.ts'
import type { Durability } from '../tenancy/durability.ts'
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
/** Clients are let in when data is loaded, or after this: then they hear that it is loading. */
const LOADING_GRACE_MS = 300

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
  /** Keeps what tenants change; without it all of them live in memory only. */
  readonly createStorage?: (parts: StorageParts) => Storage
  /** For SHUTDOWN; without it the command is refused. */
  readonly shutdown?: Shutdown
  /** Connections belong to this tenant without authentication, once it is assigned. */
  readonly openTenantUid?: string
}

/** What keeping data needs of the engine. */
export interface StorageParts {
  readonly host: KeyspaceHost
  /** Runs effects again; throws when a command among them fails. */
  readonly replay: Replay
}

/** What the server needs of whoever keeps the data. */
export interface Storage extends Durability, StorageCommands {
  /** Called after anything in Durability has changed. One listener. */
  onChange(listener: () => void): void
  /** The log has failed for good: what waits for it waits in vain. */
  readonly hasFailed: boolean
  /** Tenants are known: reads what was kept. Resolves when all that can be served is served. */
  start(): Promise<void>
  /** The tenant is new here or has another configuration: sets its recorder and obstacle. */
  assigned(tenant: Tenant): void
  /** The tenant is deleted, and its data with it. */
  unassigned(tenant: Tenant): void
  /** Called often: begins what has become due. */
  tick(nowMs: number): void
  /**
   * Everything accepted is on the disk when it resolves. `saves`: with last snapshots, without, or
   * as the save rules say.
   */
  close(saves?: boolean): Promise<void>
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
  /** Stops listening and closes all connections. `saves`: as with Storage. */
  close(saves?: boolean): Promise<void>
}

export function createEngineServer(options: EngineServerOptions): EngineServer {
  return new Server(options)
}

class Server implements EngineServer, ConnectionHost {
  readonly limits: EngineLimits
  readonly executor: Executor
  readonly durability: Durability
  readonly #options: EngineServerOptions
  readonly #storage: Storage | undefined
  readonly #waiting = new Set<Connection>()
  readonly #registry: TenantRegistry
  readonly #listener: net.Server
  readonly #connections = new Set<Connection>()
  readonly #newcomers: Newcomers
  readonly #refusals = new Refusals()
  readonly #lingering = new Map<Connection, number>()
  readonly #turns = new TurnQueue<Tenant | undefined, Connection>()
  readonly #housekeeping: Housekeeping
  /** Accepted before the data was there. */
  #early: net.Socket[] | undefined
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
    const nobodysTenant = new Tenant(host, nobody)
    this.#storage = options.createStorage?.({ host, replay: new Replay(host) })
    this.#storage?.onChange(() => this.#logMoved())
    this.durability = this.#storage ?? memoryOnly
    this.executor = this.#createExecutor(new ExecutionContext(nobodysTenant, host.effects))
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

  #createExecutor(context: ExecutionContext): Executor {
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
    const index = createCommandIndex(
      gate,
      { ...facts, tcpPort: () => this.#port, settings: () => this.#settings(settings) },
      this.#storage ?? memoryOnly,
      this.#options.shutdown,
    )
    return new Executor(clock, index, context, commandFailed)
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
    await this.#load()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    return this.#port
  }

  /** Only who has the address reads the data. Clients wait a moment before they hear of it. */
  async #load(): Promise<void> {
    if (this.#storage === undefined) return
    const early: net.Socket[] = []
    this.#early = early
    await Promise.race([this.#storage.start(), sleep(LOADING_GRACE_MS)])
    this.#early = undefined
    for (const socket of early) if (!socket.destroyed) this.#accept(socket)
  }

  assign(assignment: Assignment): void {
    const tenant = this.#registry.assign(assignment)
    this.#storage?.assigned(tenant)
  }

  unassign(tenantUid: string): boolean {
    const tenant = this.#registry.get(tenantUid)
    if (tenant === undefined) return false
    this.#storage?.unassigned(tenant)
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

  async close(saves?: boolean): Promise<void> {
    clearInterval(this.#timer)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#listener.close(() => resolve())
    for (const socket of this.#early ?? []) socket.destroy()
    for (const connection of [...this.#connections]) connection.close()
    this.#refusals.close()
    await promise
    await this.#storage?.close(saves)
  }

  #accept(socket: net.Socket): void {
    if (this.#early !== undefined) {
      this.#early.push(socket)
      return
    }
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

  waits(connection: Connection): void {
    this.#waiting.add(connection)
  }

  /** The log has got on, or has failed: then nobody may learn whether the last writes last. */
  #logMoved(): void {
    for (const connection of this.#waiting) {
      if (connection.logMoved()) this.#waiting.delete(connection)
      else if (this.#storage?.hasFailed === true) connection.close()
    }
  }

  gone(connection: Connection): void {
    this.#waiting.delete(connection)
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
    const { clock } = this.executor
    const isWholeSecond = this.#housekeeping.tick()
    this.#storage?.tick(clock.nowMs())
    if (!isWholeSecond) return
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
  persistence: { mode: 'None', fsync: 'No', saveRules: [] },
  served: true,
}
