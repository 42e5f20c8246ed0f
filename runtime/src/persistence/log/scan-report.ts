/** What reading a log found wrong. */

/** The unfinished end of the last segment: written but never promised to last. */
export interface TornTail {
  readonly file: string
  /** First byte that was cut. */
  readonly position: number
  readonly bytes: number
  readonly reason: string
}

/** Records that were promised to last and cannot be read, or that do not belong there. */
export interface Damage {
  readonly file: string
  readonly position: number
  readonly reason: string
  /** Shards that lost records here, by shard key. */
  readonly shards: readonly string[]
  /** Nobody can tell which other shards lost records too: only those proven whole may be served. */
  readonly isOpen: boolean
}
