/**
 * Records on their way to the writer, in chunks of memory that travel there and back. Nothing is
 * allocated for a record, unless it is larger than a chunk.
 */
import { copyBytes } from '../../engine/bytes.ts'
import { CHUNK_BYTES, CHUNKS_KEPT } from './limits.ts'
import { RECORD_HEADER_BYTES, type RecordFields, writeHeader } from './record.ts'
import type { BatchChunk } from './writer-messages.ts'

const CRC_AT = 4

export class BatchBuffer {
  #chunk: Buffer
  #used = 0
  #full: BatchChunk[] = []
  #spare: Buffer[] = []
  /** Bytes of records that have not been taken. */
  bytes = 0

  constructor() {
    this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  }

  /** Adds a record, its checksum's place taken by the index of its shard. */
  add(index: number, fields: RecordFields, source: Buffer, start: number, end: number): void {
    const total = RECORD_HEADER_BYTES + end - start
    if (this.#used + total > this.#chunk.length) this.#next(total)
    const at = this.#used
    writeHeader(this.#chunk, at, fields, end - start)
    this.#chunk.writeUInt32LE(index, at + CRC_AT)
    copyBytes(this.#chunk, at + RECORD_HEADER_BYTES, source, start, end)
    this.#used += total
    this.bytes += total
  }

  /** All chunks so far; whoever takes them gives them back when they are written. */
  take(): BatchChunk[] {
    this.#finishChunk()
    const chunks = this.#full
    this.#full = []
    this.bytes = 0
    this.#chunk = this.#spareOr(CHUNK_BYTES)
    return chunks
  }

  giveBack(chunks: readonly BatchChunk[]): void {
    for (const { bytes } of chunks) {
      if (this.#spare.length === CHUNKS_KEPT || bytes.byteLength !== CHUNK_BYTES) continue
      this.#spare.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    }
  }

  #next(bytes: number): void {
    this.#finishChunk()
    this.#chunk = bytes > CHUNK_BYTES ? Buffer.allocUnsafeSlow(bytes) : this.#spareOr(CHUNK_BYTES)
  }

  #finishChunk(): void {
    if (this.#used > 0) this.#full.push({ bytes: this.#chunk, length: this.#used })
    else if (this.#chunk.length === CHUNK_BYTES) this.#spare.push(this.#chunk)
    this.#used = 0
  }

  #spareOr(bytes: number): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(bytes)
  }
}
