/**
 * One logical database of one tenant: keys, values and expiry times, all off the JavaScript heap.
 *
 * An empty keyspace owns nothing but this small object. Public face, agreed first; the body follows.
 */
import type { Arena } from './arena.ts'
import type { MemoryAccount } from './memory-account.ts'

/** What all keyspaces of a process share. Build it once with `createKeyspaceHost`. */
export interface KeyspaceHost {
  readonly arena: Arena
  /** A random unsigned 32-bit integer, for RANDOMKEY and sampling. */
  readonly random: () => number
}

/** Counters as INFO stats reports them. */
export interface KeyspaceStats {
  hits: number
  misses: number
  expired: number
}

/**
 * `seed`: two secret 32-bit words that key the hash; `random`: unsigned 32-bit integers.
 */
export declare function createKeyspaceHost(options: {
  readonly seed: readonly [number, number]
  readonly random: () => number
}): KeyspaceHost

export declare class Keyspace {
  /** `account` is the tenant's; its `usedBytes` is what a memory limit compares. */
  constructor(host: KeyspaceHost, account: MemoryAccount)
  /** Keys, those included whose time is over but which nobody has collected yet (DBSIZE). */
  get size(): number
  /** Keys that have an expiry time. Zero: `expireSome` has nothing to do. */
  get expiringCount(): number
  readonly stats: KeyspaceStats
  /** FLUSHDB: empty at once for every reader; the memory is given back by `host.reclaimSome`. */
  clear(): void
  /** One bounded step of the active expiry cycle: looks at up to about `budget` keys; returns how many it looked at. */
  expireSome(nowMs: number, budget: number): number
}

/** Frees what `clear` cut off, at most about `budget` entries; returns whether more is left. */
export declare function reclaimSome(host: KeyspaceHost, budget: number): boolean
