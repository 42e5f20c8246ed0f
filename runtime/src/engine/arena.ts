/**
 * Off-heap blocks for all tenants of a process.
 *
 * A reference is an int32, 0 meaning none: 17 bits of chunk number, 15 bits of granule in it.
 *
 *    31                15 14              0
 *   ├────────────────────┼─────────────────┤
 *   │    chunk (1 ..)    │ granule (8 B)   │     32 GiB of shared chunks can be named
 *   └────────────────────┴─────────────────┘
 *
 * A chunk is one ArrayBuffer cut into blocks of one size class; its free blocks form a list that
 * runs through their first words, and blocks that were never used are taken from the fresh end, so
 * pages nobody touched cost no memory. A block too large to share is a chunk of its own, with a
 * buffer of its exact size, and is dropped rather than recycled when freed.
 *
 * Blocks are recycled across tenants and are NOT cleared: write every byte before reading it.
 */
import type { MemoryAccount } from './memory-account.ts'
import {
  CHUNK_BYTES,
  classBytes,
  classFor,
  GRANULE_BYTES,
  SHARED_BLOCK_BYTES_MAX,
} from './size-classes.ts'

/** Bits of a reference that name the granule within its chunk. */
export const CHUNK_SHIFT = 15
export const GRANULE_MASK = (1 << CHUNK_SHIFT) - 1
/** Chunks, shared and own together, that references can name. */
export const CHUNKS_MAX = 1 << (32 - CHUNK_SHIFT)
/** Empty chunks kept for the next need instead of being given back. */
export const SPARE_CHUNKS_MAX = 16

const OWN_BLOCK_ROUNDING_BYTES = 4096
const NO_CLASS = -1
const NO_BLOCK = -1

/** One ArrayBuffer: either many blocks of one class, or one large block (`NO_CLASS`). */
class Chunk {
  readonly index: number
  readonly buffer: Buffer
  sizeClass: number
  blockBytes: number
  /** Granule of the first block on the free list. */
  freeHead = NO_BLOCK
  /** Byte where blocks begin that were never handed out. */
  freshBytes = 0
  live = 0
  previous: Chunk | undefined
  next: Chunk | undefined

  constructor(index: number, buffer: Buffer, sizeClass: number, blockBytes: number) {
    this.index = index
    this.buffer = buffer
    this.sizeClass = sizeClass
    this.blockBytes = blockBytes
  }
}

export class Arena {
  /** The bytes of each chunk by chunk number. Read and write only inside blocks you own. */
  readonly bytes: Buffer[] = []
  /** The same memory as 32-bit words in the machine's byte order. */
  readonly words: Int32Array[] = []
  readonly #chunks: (Chunk | undefined)[] = []
  /** Per size class the chunks that have room; the first one is allocated from. */
  readonly #roomy: (Chunk | undefined)[] = classBytes.map(() => undefined)
  readonly #spares: Chunk[] = []
  readonly #vacantIndices: number[] = []
  #usedBytes = 0
  #reservedBytes = 0

  constructor() {
    this.#clearIndex(0) // no chunk 0: reference 0 means none
    this.#chunks.push(undefined)
  }

  /** Bytes of blocks in use, all tenants together. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Bytes of the chunks that hold them: used, free and spare. */
  get reservedBytes(): number {
    return this.#reservedBytes
  }

  /** Bytes that a request for `bytes` would really take. */
  static blockBytesFor(bytes: number): number {
    if (bytes <= SHARED_BLOCK_BYTES_MAX) return classBytes[classFor(bytes)]
    return Math.ceil(bytes / OWN_BLOCK_ROUNDING_BYTES) * OWN_BLOCK_ROUNDING_BYTES
  }

  /** A block of at least `bytes`, content undefined, booked on `account`. */
  allocate(bytes: number, account: MemoryAccount): number {
    const chunk =
      bytes <= SHARED_BLOCK_BYTES_MAX ? this.#chunkWithRoom(classFor(bytes)) : this.#addOwn(bytes)
    this.#usedBytes += chunk.blockBytes
    account.add(chunk.blockBytes)
    return this.#take(chunk)
  }

  free(reference: number, account: MemoryAccount): void {
    const chunk = this.#chunkOf(reference)
    this.#usedBytes -= chunk.blockBytes
    account.add(-chunk.blockBytes)
    chunk.live--
    if (chunk.sizeClass === NO_CLASS) {
      this.#drop(chunk)
      return
    }
    const wasFull = this.#isFull(chunk)
    const granule = reference & GRANULE_MASK
    this.words[chunk.index][granule << 1] = chunk.freeHead
    chunk.freeHead = granule
    if (wasFull) this.#link(chunk)
    if (chunk.live === 0) this.#retire(chunk)
  }

  /** What the block can hold: the size that was asked for, rounded up to its class. */
  blockBytes(reference: number): number {
    return this.#chunkOf(reference).blockBytes
  }

  #chunkOf(reference: number): Chunk {
    const chunk = this.#chunks[reference >>> CHUNK_SHIFT]
    if (chunk === undefined) throw new Error(`arena reference ${reference} names no chunk`)
    return chunk
  }

  #take(chunk: Chunk): number {
    let granule = chunk.freeHead
    if (granule === NO_BLOCK) {
      granule = chunk.freshBytes / GRANULE_BYTES
      chunk.freshBytes += chunk.blockBytes
    } else {
      chunk.freeHead = this.words[chunk.index][granule << 1]
    }
    chunk.live++
    if (chunk.sizeClass !== NO_CLASS && this.#isFull(chunk)) this.#unlink(chunk)
    return (chunk.index << CHUNK_SHIFT) | granule
  }

  #isFull(chunk: Chunk): boolean {
    return chunk.freeHead === NO_BLOCK && chunk.freshBytes + chunk.blockBytes > CHUNK_BYTES
  }

  #chunkWithRoom(sizeClass: number): Chunk {
    return this.#roomy[sizeClass] ?? this.#addShared(sizeClass)
  }

  #addShared(sizeClass: number): Chunk {
    const chunk = this.#spares.pop() ?? this.#add(CHUNK_BYTES)
    chunk.sizeClass = sizeClass
    chunk.blockBytes = classBytes[sizeClass]
    chunk.freeHead = NO_BLOCK
    chunk.freshBytes = 0
    this.#link(chunk)
    return chunk
  }

  #addOwn(bytes: number): Chunk {
    return this.#add(Arena.blockBytesFor(bytes))
  }

  #add(bytes: number): Chunk {
    const index = this.#vacantIndices.pop() ?? this.#chunks.length
    if (index >= CHUNKS_MAX) throw new RangeError(`arena is full: ${CHUNKS_MAX} chunks`)
    const buffer = Buffer.allocUnsafeSlow(bytes)
    const chunk = new Chunk(index, buffer, NO_CLASS, bytes)
    this.#chunks[index] = chunk
    this.bytes[index] = buffer
    this.words[index] = new Int32Array(buffer.buffer, buffer.byteOffset, bytes >> 2)
    this.#reservedBytes += bytes
    return chunk
  }

  /** An empty chunk serves the next class in need, or goes back to the system. */
  #retire(chunk: Chunk): void {
    this.#unlink(chunk)
    if (this.#spares.length < SPARE_CHUNKS_MAX) this.#spares.push(chunk)
    else this.#drop(chunk)
  }

  #drop(chunk: Chunk): void {
    this.#reservedBytes -= chunk.buffer.length
    this.#chunks[chunk.index] = undefined
    this.#clearIndex(chunk.index)
    this.#vacantIndices.push(chunk.index)
  }

  #clearIndex(index: number): void {
    this.bytes[index] = Buffer.alloc(0)
    this.words[index] = new Int32Array(0)
  }

  #link(chunk: Chunk): void {
    const head = this.#roomy[chunk.sizeClass]
    chunk.previous = undefined
    chunk.next = head
    if (head !== undefined) head.previous = chunk
    this.#roomy[chunk.sizeClass] = chunk
  }

  #unlink(chunk: Chunk): void {
    if (chunk.previous === undefined) this.#roomy[chunk.sizeClass] = chunk.next
    else chunk.previous.next = chunk.next
    if (chunk.next !== undefined) chunk.next.previous = chunk.previous
    chunk.previous = undefined
    chunk.next = undefined
  }
}
