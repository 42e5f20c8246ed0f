/** What all keyspaces of a process share: memory, the hash's seed, and work left over. */
import { Arena, CHUNK_SHIFT } from './arena.ts'
import { Bytes } from './bytes.ts'
import { Effects } from './effect.ts'
import { Entries, encodings } from './entries.ts'
import type { HashTable } from './hash-table.ts'
import { Key } from './key.ts'
import { KeyHasher } from './key-hasher.ts'
import type { MemoryAccount } from './memory-account.ts'
import { ScanCursor } from './scan-cursor.ts'
import { RANK_END } from './segment.ts'

export interface KeyspaceHostOptions {
  /** Two secret random 32-bit words. */
  readonly seed: readonly [number, number]
  /** Random unsigned 32-bit integers, for RANDOMKEY and sampling. */
  readonly random: () => number
}

export class KeyspaceHost {
  readonly arena = new Arena()
  readonly entries = new Entries(this.arena)
  readonly hasher: KeyHasher
  readonly cursor: ScanCursor
  readonly random: () => number
  /** What the command that runs has changed. */
  readonly effects = new Effects()
  /** Scratch objects, each used within one call only. */
  readonly key = new Key()
  readonly otherKey = new Key()
  readonly value = new Bytes()
  readonly found: number[] = []
  readonly #abandoned: HashTable[] = []
  #reclaimRank = 0

  constructor(options: KeyspaceHostOptions) {
    this.hasher = new KeyHasher(options.seed)
    this.cursor = new ScanCursor(options.seed)
    this.random = options.random
  }

  /** Bytes that no tenant pays for any more but that are not given back yet. */
  get reclaimableBytes(): number {
    return this.#abandoned.reduce((sum, table) => sum + table.account.usedBytes, 0)
  }

  get hasReclaimable(): boolean {
    return this.#abandoned.length > 0
  }

  /** Takes over a table whose entries `reclaimSome` shall free. */
  abandon(table: HashTable): void {
    table.account.detach()
    this.#abandoned.push(table)
  }

  /** Frees about `budget` abandoned entries; false when nothing is left to do. */
  reclaimSome(budget: number): boolean {
    const table = this.#abandoned[0]
    if (table === undefined) return false
    const doomed: number[] = []
    this.#reclaimRank = table.scan(this.#reclaimRank, budget, doomed)
    for (const entry of doomed) this.freeEntry(entry, table.account)
    if (this.#reclaimRank >= RANK_END) this.#finish(table)
    return this.hasReclaimable
  }

  /** Gives back an entry's blocks. It must not be in a table any more. */
  freeEntry(entry: number, account: MemoryAccount): void {
    this.freeValue(entry, account)
    this.arena.free(entry, account)
  }

  /** Gives back what the entry's value holds outside its record. */
  freeValue(entry: number, account: MemoryAccount): void {
    if (this.entries.encoding(entry) !== encodings.block) return
    const words = this.arena.words[entry >>> CHUNK_SHIFT]
    this.arena.free(words[this.entries.cellAt(entry)], account)
  }

  #finish(table: HashTable): void {
    table.dispose()
    this.#abandoned.shift()
    this.#reclaimRank = 0
  }
}
