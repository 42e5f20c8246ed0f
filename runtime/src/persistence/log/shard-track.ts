/**
 * One shard while the log is read: is every record there, in order, from its snapshot on? Pure.
 *
 *   snapshot ──► continuous ──record that fits──► continuous
 *                    │ record that does not fit
 *                    ▼
 *                  broken ──start or forget──► continuous
 */
import type { LogPosition } from './log.ts'
import { isCovered, textOf } from './positions.ts'

export type Verdict =
  /** The snapshot holds it, or nothing after it counts. */
  | 'covered'
  | 'apply'
  /** Everything before is void. */
  | 'restart'
  /** Behind the shard's first damage. */
  | 'broken'
  /** The words of a new damage. */
  | { readonly reason: string }

export class ShardTrack {
  readonly key: string
  /** Where the newest valid snapshot stands. */
  snapshot: LogPosition | undefined
  /** Content is whole up to here. */
  epoch = 0
  offset = 0
  /** The last record in the log, whether it counts or not. */
  loggedEpoch = 0
  loggedOffset = 0
  isBroken = false
  isForgotten = false
  /** The log or a snapshot says something of it. */
  isKnown = false
  /** Damages before this one cost it nothing. */
  provenBefore = 0
  /** Without its snapshots at hand: the log may begin anywhere. */
  readonly #beginsAnywhere: boolean
  /** The number of the last segment with a record of it. */
  segment = -1

  constructor(key: string, snapshot: LogPosition | undefined, beginsAnywhere = false) {
    this.key = key
    this.#beginsAnywhere = beginsAnywhere
    this.snapshot = snapshot
    if (snapshot === undefined) return
    this.isKnown = true
    this.epoch = snapshot.epoch
    this.offset = snapshot.offset
  }

  get position(): LogPosition {
    return { epoch: this.epoch, offset: this.offset }
  }

  isInSnapshot(epoch: number, offset: number): boolean {
    const { snapshot } = this
    if (snapshot === undefined || epoch > snapshot.epoch) return false
    return epoch < snapshot.epoch || offset <= snapshot.offset
  }

  /** A record of effects, `bytes` long, which ends at this position. */
  effects(epoch: number, offset: number, bytes: number): Verdict {
    if (this.isInSnapshot(epoch, offset)) return 'covered'
    if (this.isBroken) return 'broken'
    if (this.#beginsAnywhere && !this.isKnown) this.offset = offset - bytes
    if (epoch < this.epoch) return this.#break(`epoch ${epoch} after epoch ${this.epoch}`)
    if (offset - bytes !== this.offset) {
      return this.#break(`records from offset ${this.offset} to ${offset - bytes} are missing`)
    }
    this.epoch = epoch
    this.offset = offset
    this.isForgotten = false
    this.isKnown = true
    return 'apply'
  }

  start(epoch: number, offset: number): Verdict {
    if (this.isInSnapshot(epoch, offset)) return 'covered'
    if (offset > 0 && !this.#beginsAnywhere) {
      return this.#break(`the snapshot at ${textOf({ epoch, offset })} is missing`)
    }
    this.#restart(epoch)
    this.offset = offset
    this.isKnown = true
    return 'restart'
  }

  forget(epoch: number, offset: number): Verdict {
    // A snapshot of exactly this position was there before the deletion.
    const isLater =
      this.snapshot !== undefined &&
      isCovered({ epoch, offset }, this.snapshot) &&
      !isCovered(this.snapshot, { epoch, offset })
    if (isLater) return 'covered'
    this.#restart(epoch)
    this.isForgotten = true
    return 'restart'
  }

  #restart(epoch: number): void {
    this.snapshot = undefined
    this.epoch = epoch
    this.offset = 0
    this.isBroken = false
    this.isForgotten = false
  }

  #break(reason: string): Verdict {
    this.isBroken = true
    return { reason }
  }
}
