/**
 * The segments that are no longer written to: which shards each holds, what may go, what must be
 * rewritten. Pure.
 */
import type { LogPosition } from './log.ts'
import { isCovered } from './positions.ts'
import type { Forgotten, SegmentSummary } from './scan-report.ts'

/** A deletion, and how far its records are gone. */
interface Erasure extends Forgotten {
  erasedUpTo: number
}

export class SealedSegments {
  readonly #segments: SegmentSummary[] = []
  readonly #snapshots: Map<string, LogPosition>
  readonly #forgotten = new Map<string, Erasure>()

  constructor(snapshots: ReadonlyMap<string, LogPosition>) {
    this.#snapshots = new Map(snapshots)
  }

  get count(): number {
    return this.#segments.length
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  get forgottenCount(): number {
    return this.#forgotten.size
  }

  add(segment: SegmentSummary): void {
    this.#segments.push(segment)
  }

  retain(key: string, position: LogPosition): void {
    const known = this.#snapshots.get(key)
    if (!isCovered(position, known)) this.#snapshots.set(key, position)
  }

  forget(forgotten: Forgotten): void {
    this.#forgotten.set(forgotten.key, { ...forgotten, erasedUpTo: -1 })
    this.#snapshots.delete(forgotten.key)
  }

  /** The oldest segment when nobody needs it. Only the oldest may go: a hole would be damage. */
  removable(): SegmentSummary | undefined {
    const oldest = this.#segments[0]
    if (oldest === undefined || oldest.isDamaged || this.#pinOf(oldest) !== undefined) return
    return oldest
  }

  removed(): void {
    this.#segments.shift()
  }

  /** A shard that keeps the oldest segment. */
  oldestPin(): string | undefined {
    const oldest = this.#segments[0]
    return oldest && this.#pinOf(oldest)
  }

  #pinOf({ shards }: SegmentSummary): string | undefined {
    for (const [key, position] of shards) {
      if (isCovered(position, this.#snapshots.get(key))) continue
      if (!isCovered(position, this.#forgotten.get(key)?.position)) return key
    }
    return
  }

  /** Deletions of before that time which are not yet erased. */
  forgottenBefore(timeMs: number): Forgotten[] {
    if (this.#forgotten.size === 0) return []
    return [...this.#forgotten.values()].filter((forgotten) => forgotten.timeMs <= timeMs)
  }

  /** The next segment to be rewritten, oldest first, so that a deletion goes after what it deletes. */
  nextToErase(): SegmentSummary | undefined {
    if (this.#forgotten.size === 0) return
    return this.#segments.find(
      (segment) => !segment.isDamaged && this.erasuresIn(segment).length > 0,
    )
  }

  /** Keys of deleted shards with records in the segment that may go. */
  erasuresIn({ number, shards }: SegmentSummary): string[] {
    return [...this.#forgotten.values()]
      .filter(({ key, segment, erasedUpTo }) => {
        if (erasedUpTo >= number || number > segment || !shards.has(key)) return false
        // The deletion itself stays while a damaged segment keeps what it deletes.
        return number < segment || !this.#isInDamaged(key, segment)
      })
      .map(({ key }) => key)
  }

  #isInDamaged(key: string, before: number): boolean {
    return this.#segments.some(
      ({ isDamaged, number, shards }) => isDamaged && number < before && shards.has(key),
    )
  }

  /** Whether a record of this epoch is one that a deletion took away. */
  isErased(key: string, epoch: number): boolean {
    const forgotten = this.#forgotten.get(key)
    return forgotten !== undefined && epoch <= forgotten.position.epoch
  }

  /** Puts the rewritten segment in its place; it has no records of these deleted shards. */
  replace(segment: SegmentSummary, erased: readonly string[]): void {
    const index = this.#segments.findIndex(({ number }) => number === segment.number)
    if (index >= 0) this.#segments[index] = segment
    for (const key of erased) {
      const erasure = this.#forgotten.get(key)
      if (erasure !== undefined) erasure.erasedUpTo = segment.number
    }
  }

  /** It cannot be read as a whole: it stays as it is. */
  markDamaged(number: number): void {
    const index = this.#segments.findIndex((segment) => segment.number === number)
    if (index >= 0) this.#segments[index] = { ...this.#segments[index], isDamaged: true }
  }

  /** Drops deletions of which no segment holds anything; those up to `lastNumber` are sealed. */
  settle(lastNumber: number): void {
    for (const { key, segment, erasedUpTo } of this.#forgotten.values()) {
      const isLeft = this.#segments.some(
        ({ number, shards }) => erasedUpTo < number && number <= segment && shards.has(key),
      )
      if (!isLeft && segment <= lastNumber) this.#forgotten.delete(key)
    }
  }
}
