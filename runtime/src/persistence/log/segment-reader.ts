/** Reads the records of one segment file in order, with a buffer that only a large record widens. */
import type { DiskFile } from '../disk.ts'
import { SCAN_BYTES } from './limits.ts'
import {
  isIntact,
  isPlausibleHeader,
  payloadBytes,
  RECORD_HEADER_BYTES,
  recordEnd,
} from './record.ts'
import { SEGMENT_HEADER_BYTES } from './segment-header.ts'

/** Checksums that the search behind unreadable bytes computes before it gives up. */
const SEARCH_BYTES_MAX = 1024 * 1024 * 1024

export type SearchResult = 'found' | 'nothing' | 'unknown'

export class SegmentReader {
  readonly #file: DiskFile
  readonly #size: number
  readonly #seed: number
  /** Where the bytes of `buffer` begin in the file, and how many there are. */
  #bufferAt = 0
  #filled = 0
  buffer: Buffer
  /** The current record in the buffer, after `next()`. */
  at = 0
  end = 0
  /** Where the next record begins in the file; after a failed `next()`, the unreadable bytes. */
  position = SEGMENT_HEADER_BYTES
  /** Where the current record begins in the file. */
  recordPosition = SEGMENT_HEADER_BYTES

  /** `buffer` may be shared by readers that are not used at the same time. */
  constructor(file: DiskFile, seed: number, buffer: Buffer = Buffer.allocUnsafeSlow(SCAN_BYTES)) {
    this.#file = file
    this.#size = file.size()
    this.#seed = seed
    this.buffer = buffer
  }

  get isAtEnd(): boolean {
    return this.position >= this.#size
  }

  get size(): number {
    return this.#size
  }

  /** Steps to the next record; false at the end, or where there is no intact one. */
  next(): boolean {
    const at = this.#intactAt(this.position)
    if (at === undefined) return false
    this.at = at
    this.end = recordEnd(this.buffer, at)
    this.recordPosition = this.position
    this.position += this.end - at
    return true
  }

  /** Why there is no record at `position`, in words. */
  describe(): string {
    const left = this.#size - this.position
    if (!this.#has(this.position, RECORD_HEADER_BYTES)) return `${left} bytes of a record's header`
    const at = this.position - this.#bufferAt
    if (!isPlausibleHeader(this.buffer, at)) return 'not a record'
    const wanted = RECORD_HEADER_BYTES + payloadBytes(this.buffer, at)
    if (wanted > left) return `${left} bytes of a record of ${wanted}`
    return 'a record with a wrong checksum'
  }

  /** Moves `position` to the next intact record behind unreadable bytes. Yields now and then. */
  *search(): Generator<void, SearchResult> {
    let checkedBytes = 0
    const last = this.#size - RECORD_HEADER_BYTES
    for (let position = this.position + 1; position <= last; position++) {
      if (position % SCAN_BYTES === 0) yield
      if (!this.#has(position, RECORD_HEADER_BYTES)) return 'unknown'
      const at = position - this.#bufferAt
      if (!isPlausibleHeader(this.buffer, at)) continue
      const bytes = RECORD_HEADER_BYTES + payloadBytes(this.buffer, at)
      if (position + bytes > this.#size) continue
      checkedBytes += bytes
      if (checkedBytes > SEARCH_BYTES_MAX) return 'unknown'
      if (this.#intactAt(position) === undefined) continue
      this.position = position
      return 'found'
    }
    return 'nothing'
  }

  #intactAt(position: number): number | undefined {
    if (!this.#has(position, RECORD_HEADER_BYTES)) return
    const headerAt = position - this.#bufferAt
    if (!isPlausibleHeader(this.buffer, headerAt)) return
    const bytes = RECORD_HEADER_BYTES + payloadBytes(this.buffer, headerAt)
    if (!this.#has(position, bytes)) return
    const at = position - this.#bufferAt
    return isIntact(this.buffer, at, this.#seed) ? at : undefined
  }

  /** Makes the buffer hold that range of the file; false when the file is shorter. */
  #has(position: number, bytes: number): boolean {
    if (position + bytes > this.#size) return false
    const isHeld = position >= this.#bufferAt && position + bytes <= this.#bufferAt + this.#filled
    if (isHeld) return true
    // The file bounds what a damaged length can ask for.
    if (bytes > this.buffer.length) this.buffer = Buffer.allocUnsafeSlow(bytes)
    const wanted = Math.min(this.buffer.length, this.#size - position)
    this.#filled = this.#file.read(this.buffer.subarray(0, wanted), position)
    this.#bufferAt = position
    return bytes <= this.#filled
  }
}
