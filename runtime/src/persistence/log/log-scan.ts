/**
 * Reads a whole log once, in order: hands out what counts, and finds what is missing or wrong.
 *
 * Three rules decide about bytes that are no record:
 *   - in the last segment, with no proof behind them that they were ever synced: a torn tail, of
 *     which nobody was told anything. It does not count.
 *   - anywhere else: damage. Reading goes on at the next record; every shard whose offsets do not
 *     go on seamlessly has lost something, and so may shards that do not appear again.
 *   - a seal behind the damage names all shards of its segment with their last position, and so
 *     clears those that the damage did not touch.
 *
 * The scan writes nothing. It is a generator, so that whoever runs it can let others run.
 */
import { type Disk, type DiskFile, isDiskError } from '../disk.ts'
import { Damages } from './damages.ts'
import { SCAN_BYTES } from './limits.ts'
import type { LogPosition, RecoveredRecord } from './log.ts'
import {
  databaseAt,
  decodeSeal,
  epochAt,
  keyAt,
  kindAt,
  kinds,
  offsetAt,
  payloadBytes,
  RECORD_HEADER_BYTES,
  SHARD_ID_BYTES,
  timeAt,
  uidAt,
} from './record.ts'
import type { Forgotten, LogEnd, SegmentSummary, TornTail } from './scan-report.ts'
import { commonLogId, findMisfit, listSegments, type SegmentFile } from './segment-files.ts'
import { SEGMENT_HEADER_BYTES, type SegmentHeader, seedOf } from './segment-header.ts'
import { SegmentReader } from './segment-reader.ts'
import { ShardTrack } from './shard-track.ts'

/** Between two yields. */
const RECORDS_PER_STEP = 64

export interface ScanOptions {
  readonly disk: Disk
  readonly directory: string
  readonly snapshots: ReadonlyMap<string, LogPosition>
  readonly apply: (record: RecoveredRecord) => void
  readonly restart: (shardKey: string) => void
  /** There are no snapshots to hold it against: a shard's log may begin anywhere. */
  readonly beginsAnywhere?: boolean
  /** Hears of every record of every kind, before it counts or not. */
  readonly visit?: (reader: SegmentReader, file: SegmentFile) => void
}

class RecordView implements RecoveredRecord {
  shardKey = ''
  epoch = 0
  offset = 0
  timeMs = 0
  database = 0
  buffer: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
}

export class LogScan {
  readonly damages = new Damages()
  readonly tracks = new Map<string, ShardTrack>()
  records = 0
  bytesDone = 0
  bytesTotal = 0
  tornTail: TornTail | undefined
  readonly #options: ScanOptions
  readonly #tracksById = new Map<string, ShardTrack>()
  readonly #view = new RecordView()
  readonly #forgotten = new Map<string, Forgotten>()
  readonly #summaries: SegmentSummary[] = []
  #segments: readonly SegmentFile[] = []
  #logId: Buffer | undefined
  #stillborn: string | undefined
  #buffer: Buffer = Buffer.alloc(0)
  /** Of the segment that is being read. */
  #touched: ShardTrack[] = []
  #syncedBytes = 0
  #isSealed = false

  constructor(options: ScanOptions) {
    this.#options = options
    for (const [key, snapshot] of options.snapshots) {
      this.tracks.set(key, new ShardTrack(key, snapshot))
    }
  }

  get segmentCount(): number {
    return this.#segments.length
  }

  /** Throws a DiskError when the directory cannot be read at all. */
  *run(): Generator<void, LogEnd> {
    const { disk, directory } = this.#options
    const all = listSegments(disk, directory)
    const last = all.at(-1)
    const isStillborn =
      last !== undefined && typeof last.header === 'string' && last.bytes <= SEGMENT_HEADER_BYTES
    if (isStillborn) this.#stillborn = last.path
    this.#segments = isStillborn ? all.slice(0, -1) : all
    this.#logId = commonLogId(this.#segments)
    this.bytesTotal = this.#segments.reduce((sum, { bytes }) => sum + bytes, 0)
    const largest = this.#segments.reduce((most, { bytes }) => Math.max(most, bytes), 0)
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(SCAN_BYTES, largest))
    let before: SegmentFile | undefined
    for (const [index, segment] of this.#segments.entries()) {
      const bytesBefore = this.bytesDone
      this.#checkNumber(segment, this.#segments[index - 1])
      const isInPlace = this.#isInPlace(segment, before)
      before = isInPlace ? segment : undefined
      if (isInPlace && typeof segment.header === 'object') {
        yield* this.#readSegment(segment, segment.header, segment === last)
      }
      this.bytesDone = bytesBefore + segment.bytes
    }
    return {
      logId: this.#logId,
      segments: this.#summaries,
      lastNumber: this.#segments.at(-1)?.number ?? 0,
      forgotten: [...this.#forgotten.values()],
      tornTail: this.tornTail,
      stillborn: this.#stillborn,
      syncedBytes: this.#syncedBytes,
    }
  }

  #checkNumber(segment: SegmentFile, before: SegmentFile | undefined): void {
    if (before === undefined || before.number === segment.number - 1) return
    const missing = segment.number - before.number - 1
    this.damages.addUnreadable(segment.path, 0, `${missing} segments before it are missing`)
  }

  /** Whether the file is the segment that belongs here. */
  #isInPlace(segment: SegmentFile, before: SegmentFile | undefined): boolean {
    const misfit = findMisfit(segment, before, this.#logId)
    if (misfit === undefined) return true
    if (misfit.isOtherHistory) this.damages.addDistrust(segment.path, 0, misfit.reason)
    else this.damages.addUnreadable(segment.path, 0, misfit.reason)
    return false
  }

  *#readSegment(segment: SegmentFile, header: SegmentHeader, isLast: boolean) {
    const { path } = segment
    const unreadableBefore = this.damages.unreadableCount
    const file = this.#options.disk.open(path, 'read')
    try {
      yield* this.#readRecords(file, segment, header, isLast)
    } catch (error) {
      if (!isDiskError(error)) throw error
      this.damages.addUnreadable(path, 0, `reading failed: ${error.message}`)
    } finally {
      file.close()
    }
    this.#summarise(segment, header, this.damages.unreadableCount > unreadableBefore)
  }

  *#readRecords(
    file: DiskFile,
    segment: SegmentFile,
    header: SegmentHeader,
    isLast: boolean,
  ): Generator<void, void> {
    const reader = new SegmentReader(file, seedOf(header.nonce), this.#buffer)
    const firstDamage = this.damages.count
    const unreadableBefore = this.damages.unreadableCount
    const startedAt = this.bytesDone
    this.#touched = []
    this.#isSealed = false
    this.#syncedBytes = SEGMENT_HEADER_BYTES
    let count = 0
    for (;;) {
      while (reader.next()) {
        this.#take(reader, segment, firstDamage)
        if (++count % RECORDS_PER_STEP !== 0) continue
        this.bytesDone = startedAt + reader.position
        yield
      }
      if (reader.isAtEnd) break
      const goesOn = yield* this.#pass(reader, segment, isLast)
      if (!goesOn) break
    }
    if (isLast || this.#isSealed || this.damages.unreadableCount > unreadableBefore) return
    this.damages.addUnreadable(segment.path, reader.position, 'the segment ends before its seal')
  }

  /** Bytes that are no record: torn or damaged? True when there is a record behind them to go on at. */
  *#pass(reader: SegmentReader, segment: SegmentFile, isLast: boolean): Generator<void, boolean> {
    const { position } = reader
    const reason = reader.describe()
    const found = yield* reader.search()
    const resumeAt = reader.position
    const isTorn =
      isLast &&
      found !== 'unknown' &&
      !(yield* this.#wasSynced(reader, position, found === 'found'))
    if (isTorn) {
      this.tornTail = { file: segment.path, position, bytes: segment.bytes - position, reason }
      return false
    }
    reader.position = resumeAt
    this.damages.addUnreadable(segment.path, position, reason)
    return found === 'found'
  }

  /** Whether a mark behind `position` says that the bytes there once were on the disk. */
  *#wasSynced(reader: SegmentReader, position: number, hasNext: boolean): Generator<void, boolean> {
    for (let goesOn = hasNext; goesOn; ) {
      while (reader.next()) {
        const isMark = kindAt(reader.buffer, reader.at) === kinds.mark
        if (isMark && offsetAt(reader.buffer, reader.at) > position) return true
      }
      const found = yield* reader.search()
      if (found === 'unknown') return true
      goesOn = found === 'found'
    }
    return false
  }

  #take(reader: SegmentReader, segment: SegmentFile, firstDamage: number): void {
    const { buffer, at } = reader
    this.#options.visit?.(reader, segment)
    const kind = kindAt(buffer, at)
    if (kind === kinds.mark) {
      this.#syncedBytes = Math.max(this.#syncedBytes, offsetAt(buffer, at))
      return
    }
    if (kind === kinds.seal) {
      this.#seal(reader, segment, firstDamage)
      return
    }
    this.records++
    const track = this.#track(buffer, uidAt(at))
    if (track.segment !== segment.number) {
      track.segment = segment.number
      this.#touched.push(track)
    }
    track.loggedEpoch = epochAt(buffer, at)
    track.loggedOffset = offsetAt(buffer, at)
    this.#judge(track, kind, reader, segment)
  }

  #judge(track: ShardTrack, kind: number, reader: SegmentReader, segment: SegmentFile): void {
    const { buffer, at } = reader
    const { loggedEpoch: epoch, loggedOffset: offset } = track
    if (kind === kinds.forget) this.#noteForgotten(track, buffer, at, segment.number)
    const verdict =
      kind === kinds.effects
        ? track.effects(epoch, offset, payloadBytes(buffer, at))
        : kind === kinds.start
          ? track.start(epoch, offset)
          : track.forget(epoch, offset)
    if (verdict === 'apply') {
      track.provenBefore = this.damages.count
      this.#apply(track, reader)
    } else if (verdict === 'restart') {
      this.damages.forgive(track)
      this.#options.restart(track.key)
    } else if (typeof verdict === 'object') {
      this.damages.addBroken(track, segment.path, reader.recordPosition, verdict.reason)
    }
  }

  #noteForgotten(track: ShardTrack, buffer: Buffer, at: number, segment: number): void {
    const position = { epoch: epochAt(buffer, at), offset: offsetAt(buffer, at) }
    const timeMs = timeAt(buffer, at)
    this.#forgotten.set(track.key, { key: track.key, position, segment, timeMs })
  }

  #apply(track: ShardTrack, { buffer, at, end }: SegmentReader): void {
    const view = this.#view
    view.shardKey = track.key
    view.epoch = track.epoch
    view.offset = track.offset
    view.timeMs = timeAt(buffer, at)
    view.database = databaseAt(buffer, at)
    view.buffer = buffer
    view.start = at + RECORD_HEADER_BYTES
    view.end = end
    this.#options.apply(view)
  }

  #seal(reader: SegmentReader, segment: SegmentFile, firstDamage: number): void {
    const { buffer, at, end, recordPosition } = reader
    this.#isSealed = true
    for (const { key, epoch, offset } of decodeSeal(buffer, at + RECORD_HEADER_BYTES, end)) {
      const track = this.#trackOf(key)
      const isWhole =
        !track.isBroken && epoch === track.epoch && offset === track.offset && !track.isForgotten
      if (isWhole || track.isInSnapshot(epoch, offset)) track.provenBefore = this.damages.count
      else if (this.damages.count > firstDamage && !track.isBroken && !track.isForgotten) {
        track.isBroken = true
        const reason = `records up to offset ${offset} are missing`
        this.damages.addBroken(track, segment.path, recordPosition, reason)
      }
    }
    this.damages.close(firstDamage)
  }

  #summarise(segment: SegmentFile, header: SegmentHeader, isDamaged: boolean): void {
    const shards = this.#touched.map(
      ({ key, loggedEpoch, loggedOffset }) =>
        [key, { epoch: loggedEpoch, offset: loggedOffset }] as const,
    )
    const isCut = this.tornTail?.file === segment.path
    this.#summaries.push({
      number: segment.number,
      bytes: isCut ? (this.tornTail?.position ?? 0) : segment.bytes,
      nonce: header.nonce,
      isSealed: this.#isSealed,
      isDamaged,
      shards: new Map(shards),
    })
  }

  #track(buffer: Buffer, at: number): ShardTrack {
    const id = buffer.toString('latin1', at, at + SHARD_ID_BYTES)
    const known = this.#tracksById.get(id)
    if (known !== undefined) return known
    const track = this.#trackOf(keyAt(buffer, at))
    this.#tracksById.set(id, track)
    return track
  }

  #trackOf(key: string): ShardTrack {
    let track = this.tracks.get(key)
    if (track === undefined) {
      track = new ShardTrack(key, undefined, this.#options.beginsAnywhere)
      this.tracks.set(key, track)
    }
    return track
  }
}
