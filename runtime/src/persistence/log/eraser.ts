/**
 * Rewrites a sealed segment without the records of deleted shards: under another name, synced, then
 * renamed over the old one. Whatever happens in between, one of the two is there, whole.
 */
import { join } from 'node:path'
import type { Disk, DiskFile } from '../disk.ts'
import { ERASURE_SLICE_BYTES } from './limits.ts'
import type { LogPosition } from './log.ts'
import {
  encodeSeal,
  epochAt,
  keyAt,
  kindAt,
  kinds,
  offsetAt,
  type SealEntry,
  uidAt,
} from './record.ts'
import type { SegmentSummary } from './scan-report.ts'
import { SEGMENT_HEADER_BYTES, seedOf, segmentName } from './segment-header.ts'
import { SegmentReader } from './segment-reader.ts'

export const UNFINISHED_SUFFIX = '.new'

export interface EraserPorts {
  readonly disk: Disk
  readonly directory: string
  readonly nowMs: () => number
}

/** A sealed segment that cannot be read to its end. */
export class UnreadableSegment extends Error {}

/**
 * Yields after each slice of work. Returns the segment as it is now. Throws UnreadableSegment, or
 * a DiskError, with the old segment in place.
 */
export function* rewriteSegment(
  { disk, directory, nowMs }: EraserPorts,
  segment: SegmentSummary,
  isErased: (key: string, epoch: number) => boolean,
): Generator<void, SegmentSummary> {
  const path = join(directory, segmentName(segment.number))
  const temporary = path + UNFINISHED_SUFFIX
  const source = disk.open(path, 'read')
  try {
    const target = disk.open(temporary, 'create')
    try {
      const copy = new SegmentCopy(source, target, segment)
      yield* copy.run(isErased, nowMs())
      disk.rename(temporary, path)
      disk.syncDirectory(directory)
      return { ...segment, bytes: copy.bytes, shards: copy.shards }
    } finally {
      target.close()
    }
  } finally {
    source.close()
  }
}

class SegmentCopy {
  readonly shards = new Map<string, LogPosition>()
  bytes = 0
  readonly #source: DiskFile
  readonly #target: DiskFile
  readonly #segment: SegmentSummary
  #slice: Buffer[] = []
  #sliceBytes = 0

  constructor(source: DiskFile, target: DiskFile, segment: SegmentSummary) {
    this.#source = source
    this.#target = target
    this.#segment = segment
  }

  *run(isErased: (key: string, epoch: number) => boolean, nowMs: number): Generator<void, void> {
    const seed = seedOf(this.#segment.nonce)
    const reader = new SegmentReader(this.#source, seed)
    const header = Buffer.alloc(SEGMENT_HEADER_BYTES)
    this.#source.read(header, 0)
    this.#add(header)
    while (this.#next(reader)) {
      this.#take(reader, isErased)
      if (this.#sliceBytes < ERASURE_SLICE_BYTES) continue
      this.#flush()
      yield
    }
    const entries = Array.from(this.shards, ([key, at]): SealEntry => ({ key, ...at }))
    this.#add(encodeSeal(entries, nowMs, seed))
    this.#flush()
  }

  #next(reader: SegmentReader): boolean {
    let hasNext = false
    try {
      hasNext = reader.next()
    } catch (error) {
      throw new UnreadableSegment(this.#source.path, { cause: error })
    }
    if (!hasNext && !reader.isAtEnd) {
      throw new UnreadableSegment(`${this.#source.path} at ${reader.position}`)
    }
    return hasNext
  }

  #take(reader: SegmentReader, isErased: (key: string, epoch: number) => boolean): void {
    const { buffer, at, end } = reader
    const kind = kindAt(buffer, at)
    if (kind === kinds.mark || kind === kinds.seal) return
    const key = keyAt(buffer, uidAt(at))
    const epoch = epochAt(buffer, at)
    if (isErased(key, epoch)) return
    this.shards.set(key, { epoch, offset: offsetAt(buffer, at) })
    this.#add(Buffer.from(buffer.subarray(at, end)))
  }

  #add(bytes: Buffer): void {
    this.#slice.push(bytes)
    this.#sliceBytes += bytes.length
  }

  /** Syncs each slice, so that a long one does not make the log's own sync wait for all of it. */
  #flush(): void {
    this.#target.write(this.#slice, this.bytes)
    this.#target.sync()
    this.bytes += this.#sliceBytes
    this.#slice = []
    this.#sliceBytes = 0
  }
}
