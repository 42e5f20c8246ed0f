/**
 * Shows every entry of one moment, in bounded steps, while the keyspace is written to.
 *
 * The walk goes through the table by hash, upwards, as SCAN does. What it has passed may change
 * freely. What lies ahead is shown just before it changes, and marked, so that the walk passes it
 * by; new records ahead are marked at birth:
 *
 *     hash 0 ──────────────── rank ──────────────────────────────► end
 *       walked: no marks       │  marked: seen to, or born later
 *       changes are free       │  not marked: as it was at the start, to be shown
 *
 * The walk takes the marks away as it goes, so none is left at the end. That is why an abandoned
 * walk must be stepped on: it shows nothing any more but still cleans up.
 */
import type { Entries } from './entries.ts'
import type { HashTable } from './hash-table.ts'
import type { KeyspaceHost } from './keyspace-host.ts'
import { RANK_END, rankOf } from './segment.ts'

export interface WalkVisitor {
  /** An entry as it was at the start. What is to be kept of it is copied, or kept by `onWrite`. */
  visit(entry: number): void
  /** The bytes of the entry's value, shown before or not, are about to change where they are. */
  onWrite(entry: number): void
}

export class KeyspaceWalk {
  readonly #host: KeyspaceHost
  readonly #entries: Entries
  readonly #table: HashTable
  readonly #onEnd: () => void
  readonly #found: number[] = []
  /** undefined: the walk is abandoned and only takes its marks away. */
  #visitor: WalkVisitor | undefined
  /** Hashes below this rank are done. */
  #rank = 0
  /** The keyspace was cleared: the table is the walk's own. */
  #isOwner = false
  #isOver = false

  constructor(host: KeyspaceHost, table: HashTable, visitor: WalkVisitor, onEnd: () => void) {
    this.#host = host
    this.#entries = host.entries
    this.#table = table
    this.#visitor = visitor
    this.#onEnd = onEnd
  }

  /** Looks at about `count` entries; false when all have been seen. */
  step(count: number): boolean {
    if (this.#rank >= RANK_END) return false
    this.#found.length = 0
    const next = this.#table.scan(this.#rank, count, this.#found)
    for (const entry of this.#found) this.#pass(entry)
    this.#rank = next
    return next < RANK_END
  }

  /** Shows nothing more. Steps are still needed. */
  abandon(): void {
    this.#visitor = undefined
    if (this.#isOwner) this.#rank = RANK_END
  }

  /** After the last step, when the visitor needs no `onWrite` any more. */
  end(): void {
    if (this.#rank < RANK_END) throw new Error('a walk ended before its last step')
    if (this.#isOver) return
    this.#isOver = true
    this.#onEnd()
    if (this.#isOwner) this.#host.abandon(this.#table)
  }

  /** For the keyspace: `entry` is about to be changed, moved or deleted. */
  willChange(hash: number, entry: number): void {
    if (this.#visitor === undefined || rankOf(hash) < this.#rank) return
    if (this.#entries.isMarked(entry)) return
    this.#entries.mark(entry)
    this.#visitor.visit(entry)
  }

  /** For the keyspace: the value of `entry` is about to be changed where it is. */
  willWrite(hash: number, entry: number): void {
    this.willChange(hash, entry)
    this.#visitor?.onWrite(entry)
  }

  /** For the keyspace: `entry` is a record that was not there at the start. */
  isNew(hash: number, entry: number): void {
    if (this.#visitor !== undefined && rankOf(hash) >= this.#rank) this.#entries.mark(entry)
  }

  /** For the keyspace: it is cleared. True if the walk takes the table over, to free it later. */
  keeps(table: HashTable): boolean {
    if (this.#visitor === undefined) this.#rank = RANK_END
    if (this.#rank >= RANK_END) return false
    table.account.detach()
    this.#isOwner = true
    return true
  }

  #pass(entry: number): void {
    if (this.#entries.isMarked(entry)) this.#entries.unmark(entry)
    else this.#visitor?.visit(entry)
  }
}
