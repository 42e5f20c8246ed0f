/**
 * The segment that is being written: its file, how much of it is on the disk, and which shards it
 * holds. Every method throws what the disk throws; after an ENOSPC it may be called again.
 */
import type { Disk, DiskFile } from '../disk.ts'
import type { LogPosition } from './log.ts'
import {
  encodeMark,
  encodeSeal,
  epochAt,
  kindAt,
  kinds,
  offsetAt,
  type SealEntry,
  stampRecord,
} from './record.ts'
import type { SegmentSummary } from './scan-report.ts'
import {
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  seedOf,
} from './segment-header.ts'
import type { BatchChunk } from './writer-messages.ts'

const CRC_AT = 4

interface ShardEnd {
  epoch: number
  offset: number
}

/** A failed sync is final, whatever its reason: nobody knows which bytes reached the disk. */
class FailedSync extends Error {
  readonly code = 'FAILED_SYNC'
}

function syncOrFail(path: string, sync: () => void): void {
  try {
    sync()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new FailedSync(`${path} could not be synced: ${reason}`, { cause: error })
  }
}

export class ActiveSegment {
  readonly number: number
  readonly nonce: Buffer
  readonly #file: DiskFile
  readonly #seed: number
  /** Shards by the index that records of this run carry. */
  readonly #keys: readonly string[]
  readonly #ends: (ShardEnd | undefined)[] = []
  /** What the segment held before this run. */
  readonly #earlier: ReadonlyMap<string, LogPosition>
  #shardCount: number
  bytes: number
  #syncedBytes: number
  #markedBytes = SEGMENT_HEADER_BYTES

  private constructor(
    file: DiskFile,
    keys: readonly string[],
    { number, nonce, bytes, shards }: SegmentSummary,
  ) {
    this.#file = file
    this.#keys = keys
    this.number = number
    this.nonce = nonce
    this.#seed = seedOf(nonce)
    this.bytes = bytes
    this.#syncedBytes = bytes
    this.#earlier = shards
    this.#shardCount = shards.size
  }

  /** Makes the file, with its header and its name on the disk before any record can follow. */
  static create(
    disk: Disk,
    directory: string,
    path: string,
    header: SegmentHeader,
    keys: readonly string[],
  ): ActiveSegment {
    const file = disk.open(path, 'create')
    try {
      file.write([encodeSegmentHeader(header)], 0)
      syncOrFail(path, () => file.sync())
      syncOrFail(directory, () => disk.syncDirectory(directory))
    } catch (error) {
      file.close()
      throw error
    }
    const { number, nonce } = header
    const bytes = SEGMENT_HEADER_BYTES
    const empty = { isSealed: false, isDamaged: false, shards: new Map<string, LogPosition>() }
    return new ActiveSegment(file, keys, { number, nonce, bytes, ...empty })
  }

  /** Goes on behind what recovery found, all of which is synced. */
  static resume(file: DiskFile, summary: SegmentSummary, keys: readonly string[]): ActiveSegment {
    return new ActiveSegment(file, keys, summary)
  }

  get shardCount(): number {
    return this.#shardCount
  }

  get isSynced(): boolean {
    return this.bytes === this.#syncedBytes
  }

  get hasRecords(): boolean {
    return this.bytes > SEGMENT_HEADER_BYTES
  }

  /** Replaces the shard indexes in the chunks by checksums, once. `forgotten` hears of deletions. */
  stamp(
    chunks: readonly BatchChunk[],
    forgotten: (key: string, end: LogPosition) => void,
  ): Buffer[] {
    const stamped: Buffer[] = []
    for (const { bytes, length } of chunks) {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, length)
      for (let at = 0; at < length; ) at = this.#stampAt(chunk, at, forgotten)
      stamped.push(chunk)
    }
    return stamped
  }

  #stampAt(chunk: Buffer, at: number, forgotten: (key: string, end: LogPosition) => void): number {
    const index = chunk.readUInt32LE(at + CRC_AT)
    let end = this.#ends[index]
    if (end === undefined) {
      end = { epoch: 0, offset: 0 }
      this.#ends[index] = end
      if (!this.#earlier.has(this.#keys[index])) this.#shardCount++
    }
    end.epoch = epochAt(chunk, at)
    end.offset = offsetAt(chunk, at)
    if (kindAt(chunk, at) === kinds.forget) forgotten(this.#keys[index], { ...end })
    return stampRecord(chunk, at, this.#seed)
  }

  /** Writes stamped records; `bytes` grows only when all are written. */
  write(stamped: readonly Buffer[], timeMs: number): void {
    const hasNews = this.#syncedBytes > this.#markedBytes
    const mark = hasNews ? [encodeMark(this.#syncedBytes, timeMs, this.#seed)] : []
    const chunks = [...mark, ...stamped]
    this.#file.write(chunks, this.bytes)
    for (const { length } of chunks) this.bytes += length
    this.#markedBytes = this.#syncedBytes
  }

  sync(): void {
    if (this.isSynced) return
    syncOrFail(this.#file.path, () => this.#file.sync())
    this.#syncedBytes = this.bytes
  }

  /** Ends the segment with its seal, synced, and closes the file. */
  seal(timeMs: number): SegmentSummary {
    const shards = this.shards()
    const entries = Array.from(shards, ([key, end]): SealEntry => ({ key, ...end }))
    const seal = encodeSeal(entries, timeMs, this.#seed)
    this.#file.write([seal], this.bytes)
    syncOrFail(this.#file.path, () => this.#file.sync())
    this.#file.close()
    const { number, nonce } = this
    const bytes = this.bytes + seal.length
    return { number, nonce, bytes, isSealed: true, isDamaged: false, shards }
  }

  shards(): Map<string, LogPosition> {
    const shards = new Map(this.#earlier)
    this.#ends.forEach((end, index) => {
      if (end !== undefined) shards.set(this.#keys[index], { ...end })
    })
    return shards
  }

  close(): void {
    this.#file.close()
  }
}
