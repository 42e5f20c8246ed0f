/**
 * The log of one pod, as the engine sees it: recover once, then append, and hear what has become
 * durable. One log holds all shards; a writer (a worker thread) does the files.
 */
import type { Damage, TornTail } from './scan-report.ts'

/** A shard's log ends here: all records up to this offset, the last of them in this epoch. */
export interface LogPosition {
  readonly epoch: number
  /** Bytes of payloads of all records of the shard since its beginning. */
  readonly offset: number
}

/** When a record must be on the disk, see DESIGN 7. */
export type FsyncPolicy = 'always' | 'everysec' | 'no'

/** One shard's place in the log. Made by `Log.shard`, one object per shard; appends move it on. */
export interface LogShard {
  /** `<32 hex digits of the tenant's uid>-<shard>`, see shardKey(). */
  readonly key: string
  readonly epoch: number
  readonly offset: number
  /** Sequence of its last record, 0 when it has appended none since the log was opened. */
  readonly lastSequence: number
  fsync: FsyncPolicy
}

/** A record on its way back. One object for all: valid only during the call that hands it out. */
export interface RecoveredRecord {
  readonly shardKey: string
  readonly epoch: number
  /** After this record. */
  readonly offset: number
  readonly timeMs: number
  readonly database: number
  /** RESP multibulk commands are at [start, end). */
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
}

export interface RecoveryOptions {
  /** Where the newest valid snapshot of each shard stands, by shard key. */
  readonly snapshots: ReadonlyMap<string, LogPosition>
  /** Gets every record beyond the snapshot of its shard, in order and without a gap. */
  readonly apply: (record: RecoveredRecord) => void
  /** The shard starts empty at this point of the log: drop what was applied, snapshot included. */
  readonly restart: (shardKey: string) => void
  /** Called between slices of work, with the share that is done. */
  readonly progress?: (bytesDone: number, bytesTotal: number) => void
}

export interface RecoveryReport {
  readonly records: number
  readonly bytes: number
  readonly segments: number
  /** The unfinished end of the last segment that was cut off. */
  readonly tornTail: TornTail | undefined
  readonly damages: readonly Damage[]
  /** Where the shard stands after snapshot and log; undefined: neither knows it. */
  position(shardKey: string): LogPosition | undefined
  /** The damage because of which this shard must not be served; undefined: it is whole. */
  damageOf(shardKey: string): Damage | undefined
  /** Shards that the log or the snapshots know and that are not forgotten. */
  shardKeys(): Iterable<string>
}

/**
 * What the log takes just now.
 * `full`: the disk is full; what was accepted is kept, writes are refused until there is space.
 * `failed`: a write or a sync failed; final, nothing more becomes durable.
 */
export type LogState =
  | { readonly kind: 'recovering' | 'open' | 'closed' }
  | { readonly kind: 'full'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }

export interface LogStats {
  readonly bytes: number
  readonly segments: number
  readonly appendedRecords: number
  readonly appendedBytes: number
  /** Bytes that are not yet written. */
  readonly pendingBytes: number
  readonly writes: number
  readonly syncs: number
  readonly lastSyncMicros: number
  /** Shards that were forgotten and whose bytes are still in some segment. */
  readonly erasuresPending: number
  /** Bytes of deleted shards that rewriting segments has freed. */
  readonly erasedBytes: number
  /** A shard whose snapshot would let the oldest segment go. */
  readonly oldestPinnedBy: string | undefined
}

export interface Log {
  readonly state: LogState
  /** Records up to this sequence are written: a crash of the process does not lose them. */
  readonly writtenSequence: number
  /** Records up to this sequence are on the disk: a power loss does not lose them. */
  readonly syncedSequence: number
  /** More is pending than the log likes: stop reading from clients that write. */
  readonly isCongested: boolean
  /** Called after sequences, state or congestion have changed. One listener. */
  onChange(listener: () => void): void
  recover(options: RecoveryOptions): Promise<RecoveryReport>
  /** The handle of a shard, whose position is what recovery found, or 0:0. After recover(). */
  shard(tenantUid: string, shard: number): LogShard
  /**
   * The shard's epoch from its next record on; needed before the first record of a new shard. With
   * an offset the shard begins anew there, and a record says so: at 0 it is empty, elsewhere a
   * durable snapshot of exactly this position must exist. Throws when the epoch goes down, or is
   * one that was deleted.
   */
  begin(shard: LogShard, epoch: number, offset?: number): void
  /**
   * Takes one record: the bytes at [start, end) are copied. Returns its sequence, which
   * `syncedSequence` reaches in time (at once under 'always', within a second under 'everysec').
   * Throws when the state is not `open`: look before the command runs.
   */
  append(
    shard: LogShard,
    database: number,
    timeMs: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): number
  /** Ends a turn: what was appended goes to the writer at once if it is free. */
  flush(): void
  /** A durable snapshot of the shard stands at this position. */
  retain(shardKey: string, position: LogPosition): void
  /**
   * The shard is deleted. Once the returned sequence is synced its records do not come back, and
   * its snapshots may be removed (not before: the log may need them); erased within minutes.
   */
  forget(shardKey: string): number
  stats(): LogStats
  /** Writes and syncs what was accepted, then stops. */
  close(): Promise<void>
}
