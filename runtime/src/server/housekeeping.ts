/**
 * What must happen without anybody asking: expired keys go, cut-off data is freed. One timer for
 * the whole process calls `tick`; a tenant without such work costs a comparison.
 */
import type { Keyspace, KeyspaceHost } from '../engine/keyspace.ts'
import type { Tenant } from '../tenancy/tenant.ts'
import type { TenantRegistry } from '../tenancy/tenant-registry.ts'
import type { Clock } from './clock.ts'

export const TICK_MS = 100
const TICKS_PER_SECOND = 1000 / TICK_MS
/** All the work of a tick stops after so long, and goes on with the next. */
const WORK_MS_MAX = 5
/** Keys that one database looks at before the next has its turn. */
const EXPIRY_BUDGET = 100
const RECLAIM_BUDGET = 500

interface ExpiringDatabase {
  readonly tenant: Tenant
  readonly index: number
  readonly database: Keyspace
}

export class Housekeeping {
  ticks = 0
  readonly #host: KeyspaceHost
  readonly #registry: TenantRegistry
  readonly #clock: Clock

  constructor(host: KeyspaceHost, registry: TenantRegistry, clock: Clock) {
    this.#host = host
    this.#registry = registry
    this.#clock = clock
  }

  /** One step of the work. True once per second, for what need not be looked at more often. */
  tick(): boolean {
    this.ticks++
    const deadlineMs = this.#clock.monotonicMs() + WORK_MS_MAX
    const nowMs = this.#clock.nowMs()
    this.#expire(nowMs, deadlineMs)
    while (this.#clock.monotonicMs() < deadlineMs && this.#host.reclaimSome(RECLAIM_BUDGET)) {}
    return this.ticks % TICKS_PER_SECOND === 0
  }

  /**
   * Databases take turns until each has ended its round or the time is over. Starts with another
   * one each time, so that none waits for ever behind busy ones.
   */
  #expire(nowMs: number, deadlineMs: number): void {
    const databases = [...this.#expiringDatabases()]
    const first = databases.length === 0 ? 0 : this.ticks % databases.length
    let waiting = [...databases.slice(first), ...databases.slice(0, first)]
    while (waiting.length > 0) {
      const unfinished: ExpiringDatabase[] = []
      for (const expiring of waiting) {
        if (this.#clock.monotonicMs() > deadlineMs) return
        if (this.#expireSome(expiring, nowMs)) unfinished.push(expiring)
      }
      waiting = unfinished
    }
  }

  #expireSome({ tenant, index, database }: ExpiringDatabase, nowMs: number): boolean {
    const { effects } = this.#host
    effects.isOn = tenant.recorder !== undefined
    const isUnfinished = database.expireSome(nowMs, EXPIRY_BUDGET)
    if (effects.length > 0) {
      tenant.recorder?.record(index, effects, nowMs)
      effects.reset()
    }
    return isUnfinished
  }

  /** Nothing expires while a tenant is loading: the log says what did. */
  *#expiringDatabases(): Generator<ExpiringDatabase> {
    for (const tenant of this.#registry.tenants()) {
      if (tenant.obstacle?.stops === 'all') continue
      for (const [index, database] of tenant.databases()) {
        if (database.expiringCount > 0) yield { tenant, index, database }
      }
    }
  }
}
