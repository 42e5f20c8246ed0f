/**
 * Entry records: a key, its type and expiry time, and its value or the way to it, in one block.
 *
 *   byte 0         4           8
 *   ├──────────────┼───────────┼ ─ ─ ─ ─ ─ ─ ┬ ─ ─ ─ ─ ─ ─ ┬ ─ ─ ─ ─ ─ ─ ─ ┬───────┬ ─ ─ ─ ─ ─ ─ ─ ─ ┐
 *   │ word 0       │ word 1    │ expiry (8)  │ long key (8)│ cell (8)      │  key  │ inline value    │
 *   └──────────────┴───────────┴ ─ ─ ─ ─ ─ ─ ┴ ─ ─ ─ ─ ─ ─ ┴ ─ ─ ─ ─ ─ ─ ─ ┴───────┴ ─ ─ ─ ─ ─ ─ ─ ─ ┘
 *
 *   word 0   bit 0 there is an expiry · bit 1 the key is long · 2-15 bytes of the key ·
 *            16-31 bytes of the inline value
 *   word 1   bits 0-3 kind · 4-6 encoding · 7 mark (see keyspace-walk.ts) ·
 *            8-31 access clock (for LRU and LFU, unused so far)
 *   expiry   two words: milliseconds since the epoch as a 64-bit integer, low word first;
 *            NO_EXPIRY after PERSIST, which leaves the room
 *   long key its length, when that does not fit word 0
 *   cell     an int64, or block and length of a value that lives in a block of its own
 *
 * What is there is in this order and 8-byte aligned up to the key. A 16-byte key with a 32-byte
 * value takes 8 + 16 + 32 = 56 bytes.
 */
import { type Arena, CHUNK_SHIFT, GRANULE_MASK } from './arena.ts'
import { copyBytes, equalBytes } from './bytes.ts'
import type { Key } from './key.ts'
import type { MemoryAccount } from './memory-account.ts'

/** The types of values, as the low bits of word 1 name them. */
export const kinds = { string: 0 } as const
export type Kind = (typeof kinds)[keyof typeof kinds]

/** How the value is kept. */
export const encodings = {
  /** Bytes after the key. */
  inline: 0,
  /** A 64-bit integer in the cell. */
  integer: 1,
  /** Bytes in a block of their own, named by the cell. */
  block: 2,
} as const
export type Encoding = (typeof encodings)[keyof typeof encodings]

/** An entry without an expiry time. */
export const NO_EXPIRY = -1
/** Longer values live in a block of their own, so that growing them leaves the key where it is. */
export const INLINE_BYTES_MAX = 8 * 1024
/** Longer keys have their length in a word of its own. */
export const SHORT_KEY_BYTES_MAX = 0x3fff

const HAS_EXPIRY = 1
const HAS_LONG_KEY = 2
const KEY_SHIFT = 2
const INLINE_SHIFT = 16
const KIND_MASK = 0x0f
const ENCODING_SHIFT = 4
const ENCODING_MASK = 0x07
const MARK = 0x80
const HEADER_BYTES = 8
const FIELD_BYTES = 8
const WORD = 2 ** 32

/** What a record is to hold; decides its size and layout. */
export interface Shape {
  readonly kind: Kind
  readonly encoding: Encoding
  /** Bytes of the inline value; 0 with other encodings. */
  readonly inlineBytes: number
  /** NO_EXPIRY: none, and no room for one. */
  readonly expiresAtMs: number
}

/** Reads and writes records. Entries are arena references; the bytes are those of `bytesOf`. */
export class Entries {
  readonly #arena: Arena

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /** The chunk that holds the entry's bytes. */
  bytesOf(entry: number): Buffer {
    return this.#arena.bytes[entry >>> CHUNK_SHIFT]
  }

  wordsOf(entry: number): Int32Array {
    return this.#arena.words[entry >>> CHUNK_SHIFT]
  }

  kind(entry: number): number {
    return this.wordsOf(entry)[wordAt(entry) + 1] & KIND_MASK
  }

  encoding(entry: number): number {
    return (this.wordsOf(entry)[wordAt(entry) + 1] >>> ENCODING_SHIFT) & ENCODING_MASK
  }

  /** Whether a walk has seen to the entry already. New records are not marked. */
  isMarked(entry: number): boolean {
    return (this.wordsOf(entry)[wordAt(entry) + 1] & MARK) !== 0
  }

  mark(entry: number): void {
    this.wordsOf(entry)[wordAt(entry) + 1] |= MARK
  }

  unmark(entry: number): void {
    this.wordsOf(entry)[wordAt(entry) + 1] &= ~MARK
  }

  hasKey(entry: number, key: Key): boolean {
    const words = this.wordsOf(entry)
    const length = key.end - key.start
    if (keyLength(words, wordAt(entry)) !== length) return false
    return equalBytes(this.bytesOf(entry), this.keyStart(entry), key.buffer, key.start, length)
  }

  /** Offset of the key in `bytesOf(entry)`. */
  keyStart(entry: number): number {
    const at = wordAt(entry)
    return (at << 2) + keyOffset(this.wordsOf(entry), at)
  }

  keyBytes(entry: number): number {
    return keyLength(this.wordsOf(entry), wordAt(entry))
  }

  /** Offset of the inline value in `bytesOf(entry)`. */
  inlineStart(entry: number): number {
    return this.keyStart(entry) + this.keyBytes(entry)
  }

  inlineBytes(entry: number): number {
    return this.wordsOf(entry)[wordAt(entry)] >>> INLINE_SHIFT
  }

  /** Changes the length of an inline value within the room that its block has. */
  setInlineBytes(entry: number, bytes: number): void {
    const words = this.wordsOf(entry)
    const at = wordAt(entry)
    words[at] = (words[at] & 0xffff) | (bytes << INLINE_SHIFT)
  }

  /** Index in `wordsOf(entry)` of the cell's low word. */
  cellAt(entry: number): number {
    const at = wordAt(entry)
    const flags = this.wordsOf(entry)[at]
    return at + 2 + ((flags & HAS_EXPIRY) << 1) + (flags & HAS_LONG_KEY)
  }

  /** Milliseconds since the epoch, or NO_EXPIRY. */
  expiresAtMs(entry: number): number {
    const words = this.wordsOf(entry)
    const at = wordAt(entry)
    if ((words[at] & HAS_EXPIRY) === 0) return NO_EXPIRY
    return words[at + 3] * WORD + (words[at + 2] >>> 0)
  }

  /** Whether the record has room for an expiry time, set or not. */
  hasExpiryField(entry: number): boolean {
    return (this.wordsOf(entry)[wordAt(entry)] & HAS_EXPIRY) !== 0
  }

  /** Writes the expiry time of a record that has room for it. */
  setExpiresAtMs(entry: number, atMs: number): void {
    const words = this.wordsOf(entry)
    const at = wordAt(entry)
    words[at + 2] = atMs | 0
    words[at + 3] = Math.floor(atMs / WORD)
  }

  /**
   * The same record with room for an expiry time, not yet set: in place if its block has the room,
   * else in a new block, and the old one is the caller's to free.
   */
  withExpiryField(entry: number, account: MemoryAccount): number {
    const from = (wordAt(entry) << 2) + HEADER_BYTES
    const end = this.inlineStart(entry) + this.inlineBytes(entry)
    const bytes = end - from + HEADER_BYTES + FIELD_BYTES
    const isRoomy = bytes <= this.#arena.blockBytes(entry)
    const next = isRoomy ? entry : this.#arena.allocate(bytes, account)
    const at = wordAt(next)
    const source = this.wordsOf(entry)
    const target = this.wordsOf(next)
    copyBytes(
      this.bytesOf(next),
      (at << 2) + HEADER_BYTES + FIELD_BYTES,
      this.bytesOf(entry),
      from,
      end,
    )
    target[at] = source[wordAt(entry)] | HAS_EXPIRY
    target[at + 1] = source[wordAt(entry) + 1]
    return next
  }

  /** A copy of the record under another key. A value in a block of its own is named by both. */
  withKey(entry: number, key: Key, account: MemoryAccount): number {
    const inlineBytes = this.inlineBytes(entry)
    const encoding = this.encoding(entry) as Encoding
    const expiresAtMs = this.expiresAtMs(entry)
    const shape = { kind: this.kind(entry) as Kind, encoding, inlineBytes, expiresAtMs }
    const next = this.create(key, shape, account)
    if (encoding === encodings.inline) {
      const start = this.inlineStart(entry)
      const source = this.bytesOf(entry)
      copyBytes(this.bytesOf(next), this.inlineStart(next), source, start, start + inlineBytes)
    } else {
      const source = this.cellAt(entry)
      this.wordsOf(next).set(this.wordsOf(entry).subarray(source, source + 2), this.cellAt(next))
    }
    return next
  }

  /** Bytes that a record of this shape and key length needs. */
  static bytesFor(keyBytes: number, shape: Shape): number {
    return headBytes(keyBytes, shape) + keyBytes + shape.inlineBytes
  }

  /** A new record with its key; the caller writes the cell or the inline value. */
  create(key: Key, shape: Shape, account: MemoryAccount): number {
    const bytes = Entries.bytesFor(key.end - key.start, shape)
    const entry = this.#arena.allocate(bytes, account)
    this.write(entry, key.buffer, key.start, key.end, shape)
    return entry
  }

  /** Writes header, expiry and key into a block that is large enough. `buffer` may be the block's. */
  write(entry: number, buffer: Buffer, start: number, end: number, shape: Shape): void {
    const words = this.wordsOf(entry)
    const at = wordAt(entry)
    const length = end - start
    const isLong = length > SHORT_KEY_BYTES_MAX
    const hasExpiry = shape.expiresAtMs !== NO_EXPIRY
    copyBytes(this.bytesOf(entry), (at << 2) + headBytes(length, shape), buffer, start, end)
    words[at] =
      (hasExpiry ? HAS_EXPIRY : 0) |
      (isLong ? HAS_LONG_KEY : length << KEY_SHIFT) |
      (shape.inlineBytes << INLINE_SHIFT)
    words[at + 1] = shape.kind | (shape.encoding << ENCODING_SHIFT)
    if (hasExpiry) this.setExpiresAtMs(entry, shape.expiresAtMs)
    if (isLong) words[at + 2 + (hasExpiry ? 2 : 0)] = length
  }
}

/** Word index of an entry in its chunk. */
const wordAt = (entry: number): number => (entry & GRANULE_MASK) << 1

function keyLength(words: Int32Array, at: number): number {
  const flags = words[at]
  if ((flags & HAS_LONG_KEY) === 0) return (flags >>> KEY_SHIFT) & SHORT_KEY_BYTES_MAX
  return words[at + 2 + ((flags & HAS_EXPIRY) << 1)]
}

function keyOffset(words: Int32Array, at: number): number {
  const flags = words[at]
  const encoding = (words[at + 1] >>> ENCODING_SHIFT) & ENCODING_MASK
  const cell = encoding === encodings.inline ? 0 : FIELD_BYTES
  return HEADER_BYTES + ((flags & HAS_EXPIRY) << 3) + ((flags & HAS_LONG_KEY) << 2) + cell
}

/** Bytes before the key. */
function headBytes(keyBytes: number, shape: Shape): number {
  const expiry = shape.expiresAtMs === NO_EXPIRY ? 0 : FIELD_BYTES
  const long = keyBytes > SHORT_KEY_BYTES_MAX ? FIELD_BYTES : 0
  const cell = shape.encoding === encodings.inline ? 0 : FIELD_BYTES
  return HEADER_BYTES + expiry + long + cell
}
