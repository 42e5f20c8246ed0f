/** One tenant of this process: its configuration, databases, sessions and counters. */
import type { Assignment } from '@miniredis/crds'
import type { Effects } from '../engine/effect.ts'
import { Keyspace, type KeyspaceHost } from '../engine/keyspace.ts'
import { MemoryAccount } from '../engine/memory-account.ts'
import type { Session } from './session.ts'

/** Counters as INFO stats reports them, since this process holds the tenant. */
export interface TenantStats {
  commands: number
  connections: number
  rejectedConnections: number
  inputBytes: number
  outputBytes: number
  errorReplies: number
}

/** Who keeps what the tenant's commands change. */
export interface ChangeRecorder {
  /**
   * Takes the effects of one command in this database, to be run again as one. Returns the log's
   * sequence that must be on the disk before the reply goes out; 0: it need not wait.
   */
  record(databaseIndex: number, effects: Effects, nowMs: number): number
}

/** Why the tenant's commands are refused for now. */
export interface Obstacle {
  /** The error that clients get. */
  readonly error: string
  /** `writes`: reads go on. `all`: only commands with the flag `loading` run. */
  readonly stops: 'writes' | 'all'
}

export class Tenant {
  readonly account = new MemoryAccount()
  readonly sessions = new Set<Session>()
  readonly stats: TenantStats = {
    commands: 0,
    connections: 0,
    rejectedConnections: 0,
    inputBytes: 0,
    outputBytes: 0,
    errorReplies: 0,
  }
  /** Bytes in query and output buffers of all its sessions. */
  bufferBytes = 0
  /** undefined: memory only, nobody listens. */
  recorder: ChangeRecorder | undefined
  /** undefined: everything runs. */
  obstacle: Obstacle | undefined
  readonly #host: KeyspaceHost
  #assignment: Assignment
  /** Sparse: a database exists once a command has used it. */
  readonly #databases: Keyspace[] = []

  constructor(host: KeyspaceHost, assignment: Assignment) {
    this.#host = host
    this.#assignment = assignment
  }

  get assignment(): Assignment {
    return this.#assignment
  }

  /** The same tenant under a changed configuration: limits and passwords hold from now on. */
  reconfigure(assignment: Assignment): void {
    this.#assignment = assignment
    if (!assignment.served) this.#closeSessions()
  }

  #closeSessions(): void {
    for (const session of [...this.sessions]) session.close()
  }

  /** Bytes of keys and values, and of the tables that hold them. */
  get usedBytes(): number {
    return this.account.usedBytes
  }

  /** Whether `bytes` more would stay within the memory limit. */
  hasRoomFor(bytes: number): boolean {
    const { memoryLimitBytes } = this.#assignment
    return memoryLimitBytes === 0 || this.usedBytes + bytes <= memoryLimitBytes
  }

  /** Database `index`, created when it is first asked for. `index` is below `databases`. */
  database(index: number): Keyspace {
    const existing = this.#databases[index]
    return existing === undefined ? this.#createDatabase(index) : existing
  }

  /** The databases that exist so far, in order of their index. */
  *databases(): Generator<readonly [index: number, database: Keyspace]> {
    for (const [index, database] of this.#databases.entries()) {
      if (database !== undefined) yield [index, database]
    }
  }

  #createDatabase(index: number): Keyspace {
    const database = new Keyspace(this.#host, this.account)
    this.#databases[index] = database
    return database
  }

  get keyCount(): number {
    return this.#databases.reduce((sum, database) => sum + database.size, 0)
  }

  /** Takes a session in unless the limit of connections is reached. */
  admit(session: Session): boolean {
    if (this.sessions.size >= this.#assignment.connectionsMax) {
      this.stats.rejectedConnections++
      return false
    }
    this.sessions.add(session)
    this.stats.connections++
    return true
  }

  dismiss(session: Session): void {
    this.sessions.delete(session)
  }

  /** Ends the tenant in this process: closes its sessions, cuts its data off. */
  dispose(): void {
    this.#closeSessions()
    for (const [, database] of this.databases()) database.clear()
    this.#databases.length = 0
  }
}
