/**
 * The writer of a log: it alone changes the files. Told what to do by messages, one at a time, and
 * by `tick`; a worker thread carries it, tests drive it by hand.
 *
 *   begin ──► open ──ENOSPC──► full (reserve given up; what is accepted still gets written)
 *               │  ◄──space──────┘
 *               └── any other failed write, any failed sync ──► failed, for good
 */
import { join } from 'node:path'
import { type Disk, isDiskError } from '../disk.ts'
import { ActiveSegment } from './active-segment.ts'
import { rewriteSegment, UNFINISHED_SUFFIX, UnreadableSegment } from './eraser.ts'
import { SCAN_BYTES, SEGMENT_SHARDS_MAX, SPACE_RETRY_MS, SYNC_INTERVAL_MS } from './limits.ts'
import { Reserve } from './reserve.ts'
import type { LogEnd, SegmentSummary } from './scan-report.ts'
import { SealedSegments } from './sealed-segments.ts'
import { LOG_ID_BYTES, NONCE_BYTES, segmentName } from './segment-header.ts'
import type {
  BatchChunk,
  FromWriter,
  ToWriter,
  WriterConfiguration,
  WriterStats,
} from './writer-messages.ts'

export interface WriterPorts {
  readonly disk: Disk
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  readonly random: (bytes: number) => Buffer
  readonly post: (message: FromWriter) => void
}

type Batch = ToWriter & { kind: 'batch' }
type Begin = ToWriter & { kind: 'begin' }

interface RunningErasure {
  readonly work: Generator<void, SegmentSummary>
  readonly before: SegmentSummary
  readonly keys: readonly string[]
}

const MICROS_PER_MS = 1000

/** Before `begin`. */
const nothing: WriterConfiguration = {
  directory: '',
  segmentBytesMax: 0,
  reserveBytes: 0,
  erasureDelayMs: 0,
}

export class LogWriter {
  readonly #ports: WriterPorts
  readonly #keys: string[] = []
  #limits: WriterConfiguration = nothing
  #logId = Buffer.alloc(LOG_ID_BYTES)
  #sealed = new SealedSegments(new Map())
  #reserve: Reserve | undefined
  #active: ActiveSegment | undefined
  #lastNumber = 0
  #lastNonce = Buffer.alloc(NONCE_BYTES)
  #state: 'idle' | 'open' | 'full' | 'failed' | 'closed' = 'idle'
  #writtenSequence = 0
  #syncedSequence = 0
  #syncDueAtMs: number | undefined
  #spaceRetryAtMs = 0
  /** A batch that found no space, stamped or not. */
  #waiting: { batch: Batch; stamped: Buffer[] | undefined } | undefined
  #erasure: RunningErasure | undefined
  #writes = 0
  #syncs = 0
  #lastSyncMicros = 0
  #erasedBytes = 0
  #pin: string | undefined

  constructor(ports: WriterPorts) {
    this.#ports = ports
  }

  handle(message: ToWriter): void {
    switch (message.kind) {
      case 'begin':
        this.#guard(() => this.#begin(message))
        return
      case 'shard':
        this.#keys[message.index] = message.key
        return
      case 'batch':
        this.#waiting = { batch: message, stamped: undefined }
        this.#guard(() => this.#writeWaiting())
        return
      case 'retain':
        this.#sealed.retain(message.key, message.position)
        this.#pin = this.#sealed.oldestPin()
        return
      case 'close':
        this.#guard(() => this.#sync())
        this.#close()
    }
  }

  /** Call every 100 ms or so. */
  tick(): void {
    if (this.#state !== 'open' && this.#state !== 'full') return
    const nowMs = this.#ports.monotonicMs()
    this.#guard(() => {
      if (this.#syncDueAtMs !== undefined && nowMs >= this.#syncDueAtMs) this.#syncAndTell()
      if (this.#state === 'full' && nowMs >= this.#spaceRetryAtMs) this.#retry(nowMs)
      this.#planErasure()
    })
  }

  /** One slice of housekeeping. True: there is more, call again when no message waits. */
  work(): boolean {
    if (this.#state !== 'open' && this.#state !== 'full') return false
    let isBusy = false
    this.#guard(() => {
      isBusy = this.#removeOldest() || this.#erase()
    })
    return isBusy
  }

  /** Runs what may fail: no space is waited for, every other failure is final. */
  #guard(step: () => void): void {
    if (this.#state === 'failed' || this.#state === 'closed') return
    try {
      step()
    } catch (error) {
      if (!isDiskError(error)) throw error
      this.#state = 'failed'
      this.#ports.post({ kind: 'failed', reason: error.message })
    }
  }

  #begin({ configuration, end, snapshots }: Begin): void {
    const { disk, random, post } = this.#ports
    this.#limits = configuration
    this.#logId = Buffer.from(end.logId ?? random(LOG_ID_BYTES))
    this.#lastNumber = end.lastNumber
    this.#sealed = new SealedSegments(snapshots)
    for (const forgotten of end.forgotten) this.#sealed.forget(forgotten)
    disk.makeDirectory(this.#limits.directory)
    this.#tidy(end)
    for (const segment of end.segments) this.#takeOver(segment, end)
    this.#sealed.settle(this.#active === undefined ? this.#lastNumber : this.#lastNumber - 1)
    this.#pin = this.#sealed.oldestPin()
    this.#reserve = new Reserve(disk, this.#limits.directory, configuration.reserveBytes)
    this.#state = 'open'
    post({ kind: 'begun', stats: this.#stats() })
    this.#holdReserve()
  }

  /** Removes what a crash left unfinished. */
  #tidy({ stillborn }: LogEnd): void {
    const { disk } = this.#ports
    for (const name of disk.list(this.#limits.directory)) {
      if (name.endsWith(UNFINISHED_SUFFIX)) disk.remove(join(this.#limits.directory, name))
    }
    if (stillborn !== undefined) disk.remove(stillborn)
    disk.syncDirectory(this.#limits.directory)
  }

  #takeOver(segment: SegmentSummary, end: LogEnd): void {
    const isLast = segment.number === end.lastNumber
    if (isLast) this.#lastNonce = Buffer.from(segment.nonce)
    if (isLast && !segment.isDamaged) this.#makeDurable(segment, end)
    if (!isLast || segment.isSealed || segment.isDamaged) {
      this.#sealed.add(segment)
      return
    }
    const file = this.#ports.disk.open(this.#pathOf(segment.number), 'update')
    this.#active = ActiveSegment.resume(file, segment, this.#keys)
  }

  /**
   * Cuts the torn tail, and writes once more what may have been read from memory only: after a
   * sync that failed in an earlier run, the system takes pages for clean that never reached the
   * disk. Only a write and a sync of our own prove that they do.
   */
  #makeDurable(segment: SegmentSummary, { tornTail, syncedBytes }: LogEnd): void {
    const file = this.#ports.disk.open(this.#pathOf(segment.number), 'update')
    try {
      if (tornTail !== undefined) file.truncate(segment.bytes)
      const buffer = Buffer.allocUnsafe(Math.min(SCAN_BYTES, segment.bytes))
      for (let at = Math.min(syncedBytes, segment.bytes); at < segment.bytes; at += SCAN_BYTES) {
        const chunk = buffer.subarray(0, Math.min(SCAN_BYTES, segment.bytes - at))
        file.read(chunk, at)
        file.write([chunk], at)
      }
      file.sync()
    } finally {
      file.close()
    }
  }

  #writeWaiting(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    try {
      this.#writeBatch(waiting)
    } catch (error) {
      if (!isOutOfSpace(error)) throw error
      this.#turnFull(error.message)
      // With the reserve's space there is room for what was accepted; without it, wait.
      if (this.#reserve?.release() === true) this.#writeWaiting()
    }
  }

  #writeBatch(waiting: { batch: Batch; stamped: Buffer[] | undefined }): void {
    const { batch } = waiting
    const active = this.#activeFor(batch.chunks, waiting.stamped !== undefined)
    waiting.stamped ??= active.stamp(batch.chunks, (key, position) => {
      this.#sealed.forget({ key, position, segment: active.number, timeMs: this.#ports.nowMs() })
    })
    active.write(waiting.stamped, this.#ports.nowMs())
    this.#writes++
    this.#waiting = undefined
    this.#writtenSequence = batch.lastSequence
    if (batch.sync === 'now') this.#sync()
    else if (batch.sync === 'soon') {
      this.#syncDueAtMs ??= this.#ports.monotonicMs() + SYNC_INTERVAL_MS
    }
    this.#ports.post({
      kind: 'written',
      writtenSequence: this.#writtenSequence,
      syncedSequence: this.#syncedSequence,
      chunks: batch.chunks,
      stats: this.#stats(),
    })
  }

  #activeFor(chunks: readonly BatchChunk[], isStamped: boolean): ActiveSegment {
    const active = this.#active
    if (active === undefined) return this.#createSegment()
    if (isStamped || !active.hasRecords) return active
    const bytes = chunks.reduce((sum, { length }) => sum + length, active.bytes)
    if (bytes <= this.#limits.segmentBytesMax && active.shardCount < SEGMENT_SHARDS_MAX)
      return active
    this.#seal(active)
    return this.#createSegment()
  }

  /** Everything in the segment is on the disk before the next one can come to be. */
  #seal(active: ActiveSegment): void {
    this.#sealed.add(active.seal(this.#ports.nowMs()))
    this.#active = undefined
    this.#noteSynced()
    this.#pin = this.#sealed.oldestPin()
  }

  #createSegment(): ActiveSegment {
    const { disk, random, nowMs } = this.#ports
    const number = this.#lastNumber + 1
    const nonce = random(NONCE_BYTES)
    const header = {
      number,
      nonce,
      nonceBefore: this.#lastNonce,
      logId: this.#logId,
      timeMs: nowMs(),
    }
    const path = this.#pathOf(number)
    this.#active = ActiveSegment.create(disk, this.#limits.directory, path, header, this.#keys)
    this.#lastNumber = number
    this.#lastNonce = Buffer.from(nonce)
    return this.#active
  }

  #sync(): void {
    this.#syncDueAtMs = undefined
    if (this.#active !== undefined && !this.#active.isSynced) {
      const startedAtMs = this.#ports.monotonicMs()
      this.#active.sync()
      this.#syncs++
      this.#lastSyncMicros = Math.round((this.#ports.monotonicMs() - startedAtMs) * MICROS_PER_MS)
    }
    this.#noteSynced()
  }

  #noteSynced(): void {
    this.#syncDueAtMs = undefined
    this.#syncedSequence = this.#writtenSequence
  }

  #syncAndTell(): void {
    this.#sync()
    const syncedSequence = this.#syncedSequence
    this.#ports.post({ kind: 'synced', syncedSequence, stats: this.#stats() })
  }

  #holdReserve(): void {
    this.#tried(() => this.#reserve?.hold())
  }

  /** Whether there was space for a step that can be taken again. */
  #tried(step: () => void): boolean {
    try {
      step()
      return true
    } catch (error) {
      if (!isOutOfSpace(error)) throw error
      this.#turnFull(error.message)
      return false
    }
  }

  #turnFull(reason: string): void {
    this.#spaceRetryAtMs = this.#ports.monotonicMs() + SPACE_RETRY_MS
    if (this.#state === 'full') return
    this.#state = 'full'
    this.#ports.post({ kind: 'full', reason })
  }

  #retry(nowMs: number): void {
    this.#spaceRetryAtMs = nowMs + SPACE_RETRY_MS
    this.#writeWaiting()
    if (this.#waiting !== undefined) return
    this.#holdReserve()
    if (this.#reserve?.isHeld !== true) return
    this.#state = 'open'
    this.#ports.post({ kind: 'space' })
  }

  #removeOldest(): boolean {
    const segment = this.#sealed.removable()
    if (segment === undefined || segment.number === this.#erasure?.before.number) return false
    this.#ports.disk.remove(this.#pathOf(segment.number))
    // One at a time: were two of them unsure, a crash could leave the older without the younger.
    this.#ports.disk.syncDirectory(this.#limits.directory)
    this.#sealed.removed()
    this.#housekept()
    return true
  }

  /** Deletions that have waited long enough are erased, from the segment being written too. */
  #planErasure(): void {
    if (this.#erasure !== undefined) return
    const due = this.#sealed.forgottenBefore(this.#ports.nowMs() - this.#limits.erasureDelayMs)
    if (due.length === 0) return
    const active = this.#active
    const isInActive = due.some(({ segment }) => segment === active?.number)
    if (active !== undefined && isInActive && this.#waiting === undefined) {
      if (!this.#tried(() => this.#seal(active))) return
    }
    const before = this.#sealed.nextToErase()
    if (before === undefined) return
    const keys = this.#sealed.erasuresIn(before)
    const ports = { ...this.#ports, directory: this.#limits.directory }
    const isErased = (key: string, epoch: number) =>
      keys.includes(key) && this.#sealed.isErased(key, epoch)
    this.#erasure = { work: rewriteSegment(ports, before, isErased), before, keys }
  }

  #erase(): boolean {
    const erasure = this.#erasure
    if (erasure === undefined) return false
    try {
      const { done, value } = erasure.work.next()
      if (!done) return true
      this.#erasedBytes += erasure.before.bytes - value.bytes
      this.#sealed.replace(value, erasure.keys)
    } catch (error) {
      this.#eraseFailed(erasure, error)
      return false
    }
    this.#erasure = undefined
    this.#housekept()
    this.#planErasure()
    return true
  }

  #eraseFailed({ before }: RunningErasure, error: unknown): void {
    this.#erasure = undefined
    if (error instanceof UnreadableSegment) this.#sealed.markDamaged(before.number)
    else if (!isOutOfSpace(error)) throw error
    // Full: the next tick tries again, and the unfinished copy gives its space back.
    this.#ports.disk.remove(this.#pathOf(before.number) + UNFINISHED_SUFFIX)
  }

  #housekept(): void {
    this.#sealed.settle(this.#active === undefined ? this.#lastNumber : this.#lastNumber - 1)
    this.#pin = this.#sealed.oldestPin()
    this.#ports.post({ kind: 'stats', stats: this.#stats() })
  }

  #close(): void {
    this.#active?.close()
    this.#active = undefined
    if (this.#state !== 'failed') this.#state = 'closed'
    this.#ports.post({ kind: 'closed' })
  }

  #stats(): WriterStats {
    return {
      bytes: this.#sealed.bytes + (this.#active?.bytes ?? 0),
      segments: this.#sealed.count + (this.#active === undefined ? 0 : 1),
      writes: this.#writes,
      syncs: this.#syncs,
      lastSyncMicros: this.#lastSyncMicros,
      erasuresPending: this.#sealed.forgottenCount,
      erasedBytes: this.#erasedBytes,
      oldestPinnedBy: this.#pin,
    }
  }

  #pathOf(number: number): string {
    return join(this.#limits.directory, segmentName(number))
  }
}

const isOutOfSpace = (error: unknown): error is Error =>
  isDiskError(error) && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
