/** The one CommandContext of a process, refilled for each session's turn. */
import type { Effects } from '../engine/effect.ts'
import type { Keyspace } from '../engine/keyspace.ts'
import type { Args } from '../protocol/args.ts'
import type { Session } from '../tenancy/session.ts'
import type { Tenant } from '../tenancy/tenant.ts'
import type { CommandContext } from './command.ts'

export class ExecutionContext implements CommandContext {
  nowMs = 0
  readonly effects: Effects
  readonly #nobody: Tenant
  #session: Session | undefined

  /** `nobody` stands in for the tenant of a session that has none. */
  constructor(nobody: Tenant, effects: Effects) {
    this.#nobody = nobody
    this.effects = effects
  }

  /** Whose turn it is. */
  get session(): Session {
    if (this.#session === undefined) throw new Error('a command ran outside of any turn')
    return this.#session
  }

  set session(session: Session) {
    this.#session = session
  }

  get isAuthenticated(): boolean {
    return this.session.tenant !== undefined
  }

  get tenant(): Tenant {
    return this.session.tenant ?? this.#nobody
  }

  get db(): Keyspace {
    return this.tenant.database(this.session.databaseIndex)
  }

  /**
   * Whether the tenant is over its limit, the arguments of the present command counted in, as Redis
   * counts the buffers that hold them.
   */
  lacksMemory(args: Args): boolean {
    return !this.tenant.hasRoomFor(args.end(args.count - 1) - args.start(0))
  }
}
