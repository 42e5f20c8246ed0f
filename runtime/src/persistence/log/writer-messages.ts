/** What the log and its writer tell each other. Plain data: it may cross a thread's border. */
import type { LogPosition, LogStats } from './log.ts'
import type { LogEnd } from './scan-report.ts'

export interface WriterConfiguration {
  readonly directory: string
  readonly segmentBytesMax: number
  readonly reserveBytes: number
  readonly erasureDelayMs: number
}

export interface BatchChunk {
  /** Whole records; the checksum of each holds the index of its shard until the writer stamps it. */
  readonly bytes: Uint8Array
  /** How many of the bytes count. */
  readonly length: number
}

export type ToWriter =
  | {
      readonly kind: 'begin'
      readonly configuration: WriterConfiguration
      readonly end: LogEnd
      readonly snapshots: ReadonlyMap<string, LogPosition>
    }
  /** Gives a shard the index by which records of this run name it. */
  | { readonly kind: 'shard'; readonly index: number; readonly key: string }
  | {
      readonly kind: 'batch'
      readonly chunks: readonly BatchChunk[]
      readonly lastSequence: number
      /** Somebody waits for its sync; otherwise it is synced within the interval, or whenever. */
      readonly sync: 'now' | 'soon' | 'whenever'
    }
  | { readonly kind: 'retain'; readonly key: string; readonly position: LogPosition }
  | { readonly kind: 'close' }

export type WriterStats = Pick<
  LogStats,
  | 'bytes'
  | 'segments'
  | 'writes'
  | 'syncs'
  | 'lastSyncMicros'
  | 'erasuresPending'
  | 'erasedBytes'
  | 'oldestPinnedBy'
>

export type FromWriter =
  /** The log can be appended to; what recovery found is on the disk. */
  | { readonly kind: 'begun'; readonly stats: WriterStats }
  | {
      readonly kind: 'written'
      readonly writtenSequence: number
      readonly syncedSequence: number
      /** For reuse. */
      readonly chunks: readonly BatchChunk[]
      readonly stats: WriterStats
    }
  | { readonly kind: 'synced'; readonly syncedSequence: number; readonly stats: WriterStats }
  | { readonly kind: 'full'; readonly reason: string }
  | { readonly kind: 'space' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'stats'; readonly stats: WriterStats }
  | { readonly kind: 'closed' }

/** The way to a writer. Messages arrive in order; `post` hands over the memory of chunks. */
export interface WriterChannel {
  post(message: ToWriter): void
  onMessage(listener: (message: FromWriter) => void): void
  /** The writer itself died. */
  onFailure(listener: (reason: string) => void): void
  close(): Promise<void>
}
