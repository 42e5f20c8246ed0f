/**
 * The log on the engine's thread: numbers records, collects them into batches, and keeps at most
 * one batch at the writer while the next one fills.
 *
 *   append ──► filling batch ──(writer is free)──► writer ──► written, synced ──► listener
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Disk } from '../disk.ts'
import { BatchBuffer } from './batch-buffer.ts'
import {
  BATCH_BYTES,
  COLLECT_MS,
  ERASURE_DELAY_MS,
  PAYLOAD_BYTES_MAX,
  PENDING_BYTES_HIGH,
  PENDING_BYTES_LOW,
  RESERVE_BYTES,
  SCAN_SLICE_MS,
  SEGMENT_BYTES_MAX,
} from './limits.ts'
import type {
  FsyncPolicy,
  Log,
  LogPosition,
  LogShard,
  LogState,
  LogStats,
  RecoveryOptions,
  RecoveryReport,
} from './log.ts'
import { LogScan } from './log-scan.ts'
import { kinds, parseShardKey, type RecordFields, shardKey } from './record.ts'
import type { LogEnd } from './scan-report.ts'
import type { ShardTrack } from './shard-track.ts'
import type {
  FromWriter,
  WriterChannel,
  WriterConfiguration,
  WriterStats,
} from './writer-messages.ts'

export interface LogOptions {
  /** For reading; the writer has its own. */
  readonly disk: Disk
  readonly directory: string
  readonly writer: WriterChannel
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  readonly limits?: Partial<Omit<WriterConfiguration, 'directory'>>
}

const noBytes = Buffer.alloc(0)

const noStats: WriterStats = {
  bytes: 0,
  segments: 0,
  writes: 0,
  syncs: 0,
  lastSyncMicros: 0,
  erasuresPending: 0,
  erasedBytes: 0,
  oldestPinnedBy: undefined,
}

/** A log that has yet to recover. Touches no file before it is told to. */
export const openLog = (options: LogOptions): Log => new EngineLog(options)

/** Also the fields of its next record, so that appending makes no object. */
class Shard implements LogShard, RecordFields {
  readonly key: string
  readonly index: number
  readonly uid: Buffer
  readonly shard: number
  epoch: number
  offset: number
  fsync: FsyncPolicy = 'everysec'
  lastSequence = 0
  timeMs = 0
  kind: number = kinds.effects
  database = 0
  /** Epochs up to this one are deleted. */
  forgottenEpoch = -1

  constructor(key: string, index: number, { epoch, offset }: LogPosition) {
    this.key = key
    this.index = index
    const { uid, shard } = parseShardKey(key)
    this.uid = uid
    this.shard = shard
    this.epoch = epoch
    this.offset = offset
  }
}

class EngineLog implements Log {
  state: LogState = { kind: 'recovering' }
  writtenSequence = 0
  syncedSequence = 0
  isCongested = false
  readonly #options: LogOptions
  readonly #batch = new BatchBuffer()
  readonly #shards = new Map<string, Shard>()
  #tracks: ReadonlyMap<string, ShardTrack> = new Map()
  #listener: () => void = () => undefined
  #sequence = 0
  #appendedBytes = 0
  #bytesInFlight = 0
  #isInFlight = false
  #sync: 'now' | 'soon' | 'whenever' = 'whenever'
  #immediate: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined
  #writerStats = noStats
  readonly #begun = Promise.withResolvers<void>()
  readonly #closed = Promise.withResolvers<void>()
  #isClosing = false

  constructor(options: LogOptions) {
    this.#options = options
    options.writer.onMessage((message) => this.#heard(message))
    options.writer.onFailure((reason) => this.#fail(reason))
  }

  onChange(listener: () => void): void {
    this.#listener = listener
  }

  async recover({ snapshots, apply, restart, progress }: RecoveryOptions): Promise<RecoveryReport> {
    const { disk, directory, monotonicMs, limits, writer } = this.#options
    const scan = new LogScan({ disk, directory, snapshots, apply, restart })
    const end = await runInSlices(scan.run(), monotonicMs, () =>
      progress?.(scan.bytesDone, scan.bytesTotal),
    )
    this.#tracks = scan.tracks
    const configuration = {
      directory,
      segmentBytesMax: limits?.segmentBytesMax ?? SEGMENT_BYTES_MAX,
      reserveBytes: limits?.reserveBytes ?? RESERVE_BYTES,
      erasureDelayMs: limits?.erasureDelayMs ?? ERASURE_DELAY_MS,
    }
    writer.post({ kind: 'begin', configuration, end, snapshots: new Map(snapshots) })
    // What is served from here on must not vanish again: the writer makes it durable first.
    await this.#begun.promise
    return reportOf(scan, end)
  }

  shard(tenantUid: string, shard: number): Shard {
    return this.#shardOf(shardKey(tenantUid, shard))
  }

  #shardOf(key: string): Shard {
    const known = this.#shards.get(key)
    if (known !== undefined) return known
    const track = this.#tracks.get(key)
    const index = this.#shards.size
    const shard = new Shard(key, index, track?.position ?? { epoch: 0, offset: 0 })
    if (track?.isForgotten === true) shard.forgottenEpoch = track.epoch
    this.#shards.set(key, shard)
    this.#options.writer.post({ kind: 'shard', index, key })
    return shard
  }

  begin(shard: LogShard, epoch: number, offset?: number): void {
    const own = this.#shardOf(shard.key)
    if (epoch < own.epoch || epoch <= own.forgottenEpoch) {
      throw new Error(`epoch ${epoch} of ${own.key} comes after epoch ${own.epoch}`)
    }
    const isNew = own.forgottenEpoch >= 0
    own.epoch = epoch
    own.forgottenEpoch = -1
    if (offset === undefined && !isNew) return
    // A snapshot of before the deletion may still be there: the record makes it void.
    own.offset = offset ?? 0
    this.#add(own, kinds.start, 0, this.#options.nowMs(), noBytes, 0, 0)
  }

  append(
    shard: LogShard,
    database: number,
    timeMs: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): number {
    const own = shard as Shard
    if (end - start > PAYLOAD_BYTES_MAX) {
      throw new RangeError(`a record of ${end - start} bytes, at most ${PAYLOAD_BYTES_MAX} fit`)
    }
    if (own.epoch <= own.forgottenEpoch) throw new Error(`${own.key} is deleted: begin() it anew`)
    own.offset += end - start
    return this.#add(own, kinds.effects, database, timeMs, bytes, start, end)
  }

  #add(
    shard: Shard,
    kind: number,
    database: number,
    timeMs: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): number {
    if (this.state.kind !== 'open') {
      if (kind === kinds.effects) shard.offset -= end - start
      throw new Error(`the log is ${this.state.kind}`)
    }
    shard.kind = kind
    shard.database = database
    shard.timeMs = timeMs
    this.#batch.add(shard.index, shard, bytes, start, end)
    this.#appendedBytes += end - start
    shard.lastSequence = ++this.#sequence
    if (shard.fsync === 'always' || kind !== kinds.effects) this.#sync = 'now'
    else if (shard.fsync === 'everysec' && this.#sync === 'whenever') this.#sync = 'soon'
    this.#plan()
    if (this.#pendingBytes > PENDING_BYTES_HIGH) this.isCongested = true
    return this.#sequence
  }

  flush(): void {
    if (this.state.kind === 'open' || this.state.kind === 'full') this.#send()
  }

  retain(key: string, position: LogPosition): void {
    this.#options.writer.post({ kind: 'retain', key, position })
  }

  forget(key: string): number {
    const shard = this.#shardOf(key)
    const sequence = this.#add(shard, kinds.forget, 0, this.#options.nowMs(), noBytes, 0, 0)
    shard.forgottenEpoch = shard.epoch
    shard.offset = 0
    return sequence
  }

  stats(): LogStats {
    return {
      ...this.#writerStats,
      appendedRecords: this.#sequence,
      appendedBytes: this.#appendedBytes,
      pendingBytes: this.#pendingBytes,
    }
  }

  async close(): Promise<void> {
    const { writer } = this.#options
    this.#isClosing = true
    if (this.state.kind === 'open' || this.state.kind === 'full') {
      // A full disk may keep the last batch for ever: it is not waited for.
      if (this.#batch.bytes > 0 && !this.#isInFlight) this.#send()
      if (!this.#isInFlight || this.state.kind === 'full') writer.post({ kind: 'close' })
      await this.#closed.promise
    }
    this.#stopTimers()
    await writer.close()
    if (this.state.kind !== 'failed') this.state = { kind: 'closed' }
  }

  get #pendingBytes(): number {
    return this.#batch.bytes + this.#bytesInFlight
  }

  /** Decides when the filling batch leaves. */
  #plan(): void {
    if (this.#isInFlight) return
    if (this.#batch.bytes >= BATCH_BYTES) this.#send()
    else if (this.#sync === 'now') this.#immediate ??= setImmediate(() => this.#send())
    else if (this.#immediate === undefined) {
      this.#timer ??= setTimeout(() => this.#send(), COLLECT_MS)
    }
  }

  #send(): void {
    this.#stopTimers()
    if (this.#isInFlight || this.#batch.bytes === 0) return
    this.#isInFlight = true
    this.#bytesInFlight = this.#batch.bytes
    const chunks = this.#batch.take()
    const sync = this.#sync
    this.#sync = 'whenever'
    this.#options.writer.post({ kind: 'batch', chunks, lastSequence: this.#sequence, sync })
  }

  #stopTimers(): void {
    clearImmediate(this.#immediate)
    clearTimeout(this.#timer)
    this.#immediate = undefined
    this.#timer = undefined
  }

  #heard(message: FromWriter): void {
    switch (message.kind) {
      case 'begun':
        this.#writerStats = message.stats
        this.state = { kind: 'open' }
        this.#begun.resolve()
        return
      case 'written':
        this.#written(message)
        break
      case 'synced':
        this.syncedSequence = message.syncedSequence
        this.#writerStats = message.stats
        break
      case 'full':
        this.state = { kind: 'full', reason: message.reason }
        break
      case 'space':
        this.state = { kind: 'open' }
        break
      case 'failed':
        this.#fail(message.reason)
        return
      case 'stats':
        this.#writerStats = message.stats
        break
      case 'closed':
        this.#closed.resolve()
        return
    }
    this.#listener()
  }

  #written(message: FromWriter & { kind: 'written' }): void {
    this.#isInFlight = false
    this.#bytesInFlight = 0
    this.writtenSequence = message.writtenSequence
    this.syncedSequence = message.syncedSequence
    this.#writerStats = message.stats
    this.#batch.giveBack(message.chunks)
    if (this.#isClosing) {
      if (this.#batch.bytes > 0) this.#send()
      else this.#options.writer.post({ kind: 'close' })
      return
    }
    if (this.#batch.bytes > 0) this.#sendOrPlan()
    if (this.#pendingBytes < PENDING_BYTES_LOW) this.isCongested = false
  }

  /** Records that came while the writer was busy have waited already. */
  #sendOrPlan(): void {
    if (this.#sync === 'now') this.#send()
    else this.#plan()
  }

  #fail(reason: string): void {
    if (this.state.kind === 'failed' || this.state.kind === 'closed') return
    this.state = { kind: 'failed', reason }
    this.#stopTimers()
    this.#begun.resolve()
    this.#closed.resolve()
    this.#listener()
  }
}

async function runInSlices(
  work: Generator<void, LogEnd>,
  monotonicMs: () => number,
  report: () => void,
): Promise<LogEnd> {
  let sliceEndMs = monotonicMs() + SCAN_SLICE_MS
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
    if (monotonicMs() < sliceEndMs) continue
    report()
    await nextTurn()
    sliceEndMs = monotonicMs() + SCAN_SLICE_MS
  }
}

function reportOf(scan: LogScan, { tornTail }: LogEnd): RecoveryReport {
  const isThere = ({ isKnown, isForgotten }: ShardTrack) => isKnown && !isForgotten
  const { tracks, damages } = scan
  return {
    records: scan.records,
    bytes: scan.bytesTotal,
    segments: scan.segmentCount,
    tornTail,
    damages: damages.list(),
    position: (key) => {
      const track = tracks.get(key)
      return track !== undefined && isThere(track) ? track.position : undefined
    },
    damageOf: (key) => damages.of(key, tracks.get(key)),
    shardKeys: () => [...tracks.values()].filter(isThere).map(({ key }) => key),
  }
}
