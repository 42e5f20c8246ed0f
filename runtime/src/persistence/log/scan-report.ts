/** What reading a log found. */
import type { LogPosition } from './log.ts'

/** The unfinished end of the last segment: written but never promised to last. */
export interface TornTail {
  readonly file: string
  /** First byte that does not count. */
  readonly position: number
  readonly bytes: number
  readonly reason: string
}

/** Records that were promised to last and cannot be read, or that do not belong there. */
export interface Damage {
  readonly file: string
  readonly position: number
  readonly reason: string
  /** Shards that are known to have lost records here, by shard key. */
  readonly shards: readonly string[]
  /** Nobody can tell which other shards lost records too: only those proven whole may be served. */
  readonly isOpen: boolean
}

/** A segment that could be read, as the writer takes it over. */
export interface SegmentSummary {
  readonly number: number
  readonly bytes: number
  readonly nonce: Buffer
  /** Nothing is appended to it any more. */
  readonly isSealed: boolean
  /** It must neither be rewritten nor removed: bytes in it are evidence. */
  readonly isDamaged: boolean
  /** The last position of each shard that has records in it. */
  readonly shards: ReadonlyMap<string, LogPosition>
}

/** A deletion whose records may still be in some segment. */
export interface Forgotten {
  readonly key: string
  readonly position: LogPosition
  /** The segment that holds the record of the deletion. */
  readonly segment: number
  readonly timeMs: number
}

/** What the writer must know to go on where the log ends. */
export interface LogEnd {
  readonly logId: Buffer | undefined
  readonly segments: readonly SegmentSummary[]
  /** Numbers up to this one are taken, readable or not. */
  readonly lastNumber: number
  readonly forgotten: readonly Forgotten[]
  readonly tornTail: TornTail | undefined
  /** A last file that never came to hold a record: it is removed. */
  readonly stillborn: string | undefined
  /** Bytes of the last segment that are known to have been synced. */
  readonly syncedBytes: number
}
