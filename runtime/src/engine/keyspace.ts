/**
 * One logical database of one tenant: keys, values and expiry times, all off the JavaScript heap.
 *
 * An empty keyspace owns nothing but this small object. It knows entries and their life; what is in
 * a value is the business of the modules for each type (strings.ts). Entries are numbers, valid
 * until the next call that writes; those that may move one return where it is now.
 */
import { Arena } from './arena.ts'
import { Entries, NO_EXPIRY, type Shape } from './entries.ts'
import { HashTable, NONE } from './hash-table.ts'
import type { ByteStrings, Key } from './key.ts'
import type { KeyspaceHost } from './keyspace-host.ts'
import { KeyspaceWalk, type WalkVisitor } from './keyspace-walk.ts'
import { MemoryAccount } from './memory-account.ts'
import { dueOf, RANK_END } from './segment.ts'

export { NO_EXPIRY } from './entries.ts'
export { NONE } from './hash-table.ts'
export { KeyspaceHost, type KeyspaceHostOptions } from './keyspace-host.ts'

/** Counters as INFO stats reports them. */
export interface KeyspaceStats {
  hits: number
  misses: number
  expired: number
}

/** Smaller databases are freed at once by `clear`. */
const CLEAR_AT_ONCE_MAX = 512
/** Abandoned entries freed with each new key, so that a refilled database cannot outrun the rest. */
const RECLAIMED_PER_INSERT = 4

export class Keyspace {
  readonly stats: KeyspaceStats = { hits: 0, misses: 0, expired: 0 }
  readonly host: KeyspaceHost
  readonly entries: Entries
  readonly #tenantAccount: MemoryAccount
  #account: MemoryAccount
  #table: HashTable
  #expiringCount = 0
  #expiryRank = 0
  #walk: KeyspaceWalk | undefined

  /** `account` is the tenant's; its `usedBytes` is what a memory limit compares. */
  constructor(host: KeyspaceHost, account: MemoryAccount) {
    this.host = host
    this.entries = host.entries
    this.#tenantAccount = account
    this.#account = new MemoryAccount(account)
    this.#table = new HashTable(host.arena, host.entries, this.#account)
  }

  /** Keys, those included whose time is over but which nobody has collected yet (DBSIZE). */
  get size(): number {
    return this.#table.size
  }

  /** Keys that have an expiry time. Zero: `expireSome` has nothing to do. */
  get expiringCount(): number {
    return this.#expiringCount
  }

  /** What this database's blocks and tables are booked on. */
  get account(): MemoryAccount {
    return this.#account
  }

  /** String `index` of `strings` as a key. The object is reused by the next call. */
  key(strings: ByteStrings, index: number): Key {
    return this.host.key.take(this.host.hasher, strings, index)
  }

  /** A second key, for the commands that have two in hand. */
  otherKey(strings: ByteStrings, index: number): Key {
    return this.host.otherKey.take(this.host.hasher, strings, index)
  }

  /** The entry of `key`, NONE if there is none or its time is over. Counts hits and misses. */
  lookupRead(key: Key, nowMs: number): number {
    const entry = this.lookupWrite(key, nowMs)
    if (entry === NONE) this.stats.misses++
    else this.stats.hits++
    return entry
  }

  /** The same for commands that write: not counted. An expired entry is removed here. */
  lookupWrite(key: Key, nowMs: number): number {
    const entry = this.#table.find(key)
    if (entry === NONE || !this.isExpired(entry, nowMs)) return entry
    this.#expire(key.hash, entry)
    return NONE
  }

  isExpired(entry: number, nowMs: number): boolean {
    const expiresAtMs = this.entries.expiresAtMs(entry)
    return expiresAtMs !== NO_EXPIRY && expiresAtMs <= nowMs
  }

  /**
   * A record of `shape` for `key`, in place of `entry` or, if that is NONE, as a new one. What the
   * old value held is freed; the caller writes the new cell or inline value.
   */
  put(key: Key, entry: number, shape: Shape): number {
    if (entry === NONE) return this.#add(key, shape)
    this.#walk?.willChange(key.hash, entry)
    const hadExpiry = this.entries.expiresAtMs(entry) !== NO_EXPIRY
    const next = this.#rewrite(key, entry, shape)
    this.#walk?.isNew(key.hash, next)
    if (hadExpiry) this.#expiringCount--
    if (shape.expiresAtMs !== NO_EXPIRY) this.#countExpiry(key.hash, shape.expiresAtMs)
    return next
  }

  /** Sets or changes when the entry expires; returns where it is now. */
  setExpiry(key: Key, entry: number, expiresAtMs: number): number {
    const { entries } = this
    this.#walk?.willChange(key.hash, entry)
    if (entries.expiresAtMs(entry) !== NO_EXPIRY) this.#expiringCount--
    const next = entries.hasExpiryField(entry) ? entry : this.#addExpiryField(key, entry)
    entries.setExpiresAtMs(next, expiresAtMs)
    this.#countExpiry(key.hash, expiresAtMs)
    return next
  }

  /** PERSIST: whether there was an expiry to remove. */
  clearExpiry(entry: number): boolean {
    if (this.entries.expiresAtMs(entry) === NO_EXPIRY) return false
    this.#walk?.willChange(this.#hashOf(entry), entry)
    this.entries.setExpiresAtMs(entry, NO_EXPIRY)
    this.#expiringCount--
    return true
  }

  /** To be called before the value of `entry` is changed where it is, without `put`. */
  willWrite(key: Key, entry: number): void {
    this.#walk?.willWrite(key.hash, entry)
  }

  /** Deletes the entry of `key`. */
  remove(key: Key, entry: number): void {
    this.#removeHashed(key.hash, entry)
  }

  /** Moves the value and expiry of `entry`, which is that of `key`, to `target`, which has none. */
  rename(key: Key, entry: number, target: Key): void {
    this.#walk?.willChange(key.hash, entry)
    const next = this.entries.withKey(entry, target, this.#account)
    this.#insert(target.hash, next)
    this.#table.remove(key.hash, entry)
    this.host.arena.free(entry, this.#account) // the record alone: `next` has its value
    const expiresAtMs = this.entries.expiresAtMs(next)
    if (expiresAtMs !== NO_EXPIRY) this.#table.noteDue(target.hash, dueOf(expiresAtMs))
  }

  /** FLUSHDB: empty at once for every reader; larger ones are freed by `host.reclaimSome`. */
  clear(): void {
    if (this.size === 0) return
    const { size } = this
    if (this.#walk?.keeps(this.#table) !== true) this.host.abandon(this.#table)
    this.#walk = undefined
    this.#account = new MemoryAccount(this.#tenantAccount)
    this.#table = new HashTable(this.host.arena, this.entries, this.#account)
    this.#expiringCount = 0
    if (size <= CLEAR_AT_ONCE_MAX) this.host.reclaimSome(size)
  }

  /**
   * One bounded step of the active expiry cycle: looks at about `budget` keys, going on where the
   * last step ended. False when that completed a round: nothing more is due at `nowMs`.
   */
  expireSome(nowMs: number, budget: number): boolean {
    const { found } = this.host
    for (let looked = 0; looked < budget; looked += found.length + 1) {
      if (this.#expiringCount === 0) return false
      found.length = 0
      this.#expiryRank = this.#table.takeDue(this.#expiryRank, dueOf(nowMs), found)
      this.#expireAmong(found, nowMs)
      if (this.#expiryRank < RANK_END) continue
      this.#expiryRank = 0
      return false
    }
    return true
  }

  /**
   * Appends to `out` the entries from `rank` on, `count` or a few more, expired ones included;
   * returns the rank to go on from, RANK_END at the end. Whatever is there from the first call to
   * the last is seen exactly once.
   */
  scan(rank: number, count: number, out: number[]): number {
    return this.#table.scan(rank, count, out)
  }

  /**
   * Begins to show `visitor` every entry of this moment, each as it is now, while it is written to.
   * The caller steps the walk to its end. One at a time.
   */
  walk(visitor: WalkVisitor): KeyspaceWalk {
    if (this.#walk !== undefined) throw new Error('the keyspace is being walked already')
    const walk = new KeyspaceWalk(this.host, this.#table, visitor, () => {
      if (this.#walk === walk) this.#walk = undefined
    })
    this.#walk = walk
    return walk
  }

  /** Removes the entry if its time is over, and says so. For entries that a scan found. */
  removeIfExpired(entry: number, nowMs: number): boolean {
    if (!this.isExpired(entry, nowMs)) return false
    this.#expire(this.#hashOf(entry), entry)
    return true
  }

  /** Some entry, each about as likely as any other; NONE when there is none. */
  pick(): number {
    return this.#table.pick(this.host.random)
  }

  #add(key: Key, shape: Shape): number {
    if (this.host.hasReclaimable) this.host.reclaimSome(RECLAIMED_PER_INSERT)
    const entry = this.entries.create(key, shape, this.#account)
    this.#insert(key.hash, entry)
    if (shape.expiresAtMs !== NO_EXPIRY) this.#countExpiry(key.hash, shape.expiresAtMs)
    return entry
  }

  /** Adds the record to the table, or gives it back when there is no room to note it. */
  #insert(hash: number, entry: number): void {
    this.#walk?.isNew(hash, entry)
    try {
      this.#table.insert(hash, entry)
    } catch (error) {
      this.host.arena.free(entry, this.#account)
      throw error
    }
  }

  #rewrite(key: Key, entry: number, shape: Shape): number {
    const { host, entries } = this
    const bytes = Arena.blockBytesFor(Entries.bytesFor(key.end - key.start, shape))
    if (bytes === host.arena.blockBytes(entry)) {
      host.freeValue(entry, this.#account)
      entries.write(entry, key.buffer, key.start, key.end, shape)
      return entry
    }
    const next = entries.create(key, shape, this.#account)
    this.#table.replace(key.hash, entry, next)
    host.freeEntry(entry, this.#account)
    return next
  }

  #addExpiryField(key: Key, entry: number): number {
    const next = this.entries.withExpiryField(entry, this.#account)
    if (next === entry) return entry
    this.#table.replace(key.hash, entry, next)
    this.host.arena.free(entry, this.#account)
    return next
  }

  #countExpiry(hash: number, expiresAtMs: number): void {
    this.#expiringCount++
    this.#table.noteDue(hash, dueOf(expiresAtMs))
  }

  /** Removes those whose time is over, and notes when the first of the others is due. */
  #expireAmong(candidates: readonly number[], nowMs: number): void {
    let earliest = NONE
    let earliestMs = Number.POSITIVE_INFINITY
    for (const entry of candidates) {
      const expiresAtMs = this.entries.expiresAtMs(entry)
      if (expiresAtMs === NO_EXPIRY) continue
      if (expiresAtMs <= nowMs) this.#expire(this.#hashOf(entry), entry)
      else if (expiresAtMs < earliestMs) {
        earliest = entry
        earliestMs = expiresAtMs
      }
    }
    if (earliest !== NONE) this.#table.noteDue(this.#hashOf(earliest), dueOf(earliestMs))
  }

  #expire(hash: number, entry: number): void {
    this.stats.expired++
    const start = this.entries.keyStart(entry)
    const end = start + this.entries.keyBytes(entry)
    this.host.effects.expired(this.entries.bytesOf(entry), start, end)
    this.#removeHashed(hash, entry)
  }

  #removeHashed(hash: number, entry: number): void {
    this.#walk?.willChange(hash, entry)
    if (this.entries.expiresAtMs(entry) !== NO_EXPIRY) this.#expiringCount--
    this.#table.remove(hash, entry)
    this.host.freeEntry(entry, this.#account)
  }

  #hashOf(entry: number): number {
    const start = this.entries.keyStart(entry)
    const end = start + this.entries.keyBytes(entry)
    return this.host.hasher.hash(this.entries.bytesOf(entry), start, end)
  }
}
