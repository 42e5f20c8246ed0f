/**
 * Connections that have not authenticated. They are many when somebody is rude, so there is a
 * bound on their number, on the time that they may take, and on what they may leave unfinished.
 */
import type { Connection } from './connection.ts'
import type { EngineLimits } from './limits.ts'

const TOO_MANY = 'ERR too many connections without authentication, the oldest is closed'
const TOO_SLOW = 'ERR authentication took too long'

export class Newcomers {
  /** Since when each has been one, oldest first: RESET makes one of an old connection. */
  readonly #connections = new Map<Connection, number>()
  readonly #limits: EngineLimits

  constructor(limits: EngineLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#connections.size
  }

  add(connection: Connection, nowMs: number): void {
    this.#connections.set(connection, nowMs)
  }

  /** Closes the oldest until no more are left than may be. Never within a turn. */
  trim(): void {
    for (const oldest of this.#connections.keys()) {
      if (this.#connections.size <= this.#limits.newcomersMax) return
      oldest.refuse(TOO_MANY)
    }
  }

  delete(connection: Connection): void {
    this.#connections.delete(connection)
  }

  /** Closes those whose time is over. Never within a turn. */
  expire(nowMs: number): void {
    const { authenticationMs, newcomerRequestMs } = this.#limits
    for (const [connection, sinceMs] of [...this.#connections]) {
      const { requestSinceMs = nowMs } = connection
      const isLate = nowMs - sinceMs > authenticationMs
      if (isLate || nowMs - requestSinceMs > newcomerRequestMs) connection.refuse(TOO_SLOW)
    }
  }
}
