/**
 * String values: bytes beside their key, bytes in a block of their own when long, or an integer.
 *
 * Which of the three is invisible to clients but for OBJECT ENCODING and speed. Integers are kept as
 * such while a double holds them exactly; larger ones are kept as their digits.
 */
import { parseInteger } from '../protocol/numbers.ts'
import { CHUNK_SHIFT, GRANULE_MASK } from './arena.ts'
import { type Bytes, copyBytes } from './bytes.ts'
import { encodings, INLINE_BYTES_MAX, kinds } from './entries.ts'
import type { Key } from './key.ts'
import { type Keyspace, NO_EXPIRY, NONE } from './keyspace.ts'

/** More digits are not tried: they might not fit a double exactly. */
const INTEGER_DIGITS_MAX = 15
/** A value that grows in its own block gets as much room again, up to this. */
const GROWTH_BYTES_MAX = 1024 * 1024
const WORD = 2 ** 32

/** Whether the value is kept as an integer. */
export const isInteger = (db: Keyspace, entry: number): boolean =>
  db.entries.encoding(entry) === encodings.integer

/** The value of an entry that is kept as an integer. */
export function integerOf(db: Keyspace, entry: number): number {
  const words = db.entries.wordsOf(entry)
  const at = db.entries.cellAt(entry)
  return words[at + 1] * WORD + (words[at] >>> 0)
}

/**
 * The bytes of the value: in the arena, or an integer's digits in `value`'s own buffer. The result
 * is `value`, valid until the next write.
 */
export function bytesOf(db: Keyspace, entry: number, value: Bytes): Bytes {
  const { entries } = db
  switch (entries.encoding(entry)) {
    case encodings.inline: {
      const start = entries.inlineStart(entry)
      return value.set(entries.bytesOf(entry), start, start + entries.inlineBytes(entry))
    }
    case encodings.block: {
      const { block, length } = blockOf(db, entry)
      const start = byteAt(block)
      return value.set(db.host.arena.bytes[block >>> CHUNK_SHIFT], start, start + length)
    }
    default:
      return value.setText(String(integerOf(db, entry)))
  }
}

/** STRLEN. */
export function lengthOf(db: Keyspace, entry: number): number {
  const { entries } = db
  switch (entries.encoding(entry)) {
    case encodings.inline:
      return entries.inlineBytes(entry)
    case encodings.block:
      return blockOf(db, entry).length
    default:
      return String(integerOf(db, entry)).length
  }
}

/**
 * SET: `buffer[start, end)`, outside the arena, becomes the value of `key`, whose present entry is
 * `entry` or NONE. Returns the entry.
 */
export function setBytes(
  db: Keyspace,
  key: Key,
  entry: number,
  buffer: Buffer,
  start: number,
  end: number,
  expiresAtMs: number,
): number {
  const length = end - start
  if (length <= INTEGER_DIGITS_MAX) {
    const integer = parseInteger(buffer, start, end)
    if (!Number.isNaN(integer)) return setInteger(db, key, entry, integer, expiresAtMs)
  }
  const next = setLength(db, key, entry, length, expiresAtMs)
  const target = bytesOf(db, next, db.host.value)
  copyBytes(target.buffer, target.start, buffer, start, end)
  return next
}

/** Makes `value`, a safe integer, the value of `key`. Returns the entry. */
export function setInteger(
  db: Keyspace,
  key: Key,
  entry: number,
  value: number,
  expiresAtMs: number,
): number {
  const next = db.put(key, entry, {
    kind: kinds.string,
    encoding: encodings.integer,
    inlineBytes: 0,
    expiresAtMs,
  })
  writeCell(db, next, value)
  return next
}

/** Overwrites the integer of `entry`, which is that of `key` and holds one. */
export function writeInteger(db: Keyspace, key: Key, entry: number, value: number): void {
  db.willWrite(key, entry)
  writeCell(db, entry, value)
}

function writeCell(db: Keyspace, entry: number, value: number): void {
  const words = db.entries.wordsOf(entry)
  const at = db.entries.cellAt(entry)
  words[at] = value | 0
  words[at + 1] = Math.floor(value / WORD)
}

/**
 * SETRANGE and APPEND: the value becomes at least `offset + end - start` bytes long, zeros filling
 * what was not there, and holds `buffer[start, end)` from `offset` on. Returns the entry.
 */
export function writeRange(
  db: Keyspace,
  key: Key,
  entry: number,
  offset: number,
  buffer: Buffer,
  start: number,
  end: number,
): number {
  if (entry !== NONE) db.willWrite(key, entry)
  const oldLength = entry === NONE ? 0 : lengthOf(db, entry)
  const length = Math.max(oldLength, offset + end - start)
  const next = resize(db, key, entry, oldLength, length)
  const target = bytesOf(db, next, db.host.value)
  if (offset > oldLength) target.buffer.fill(0, target.start + oldLength, target.start + offset)
  copyBytes(target.buffer, target.start + offset, buffer, start, end)
  return next
}

/** Makes the value `length` bytes long, keeping what it has; the rest is undefined. */
function resize(db: Keyspace, key: Key, entry: number, oldLength: number, length: number): number {
  if (entry === NONE) return setLength(db, key, NONE, length, NO_EXPIRY)
  if (fitsInPlace(db, entry, length)) {
    setLengthInPlace(db, entry, length)
    return entry
  }
  if (db.entries.encoding(entry) === encodings.block) {
    growBlock(db, entry, length)
    return entry
  }
  const old = bytesOf(db, entry, db.host.value)
  const kept = Buffer.allocUnsafe(oldLength) // `old` is freed before the new value has a place
  old.buffer.copy(kept, 0, old.start, old.end)
  const next = setLength(db, key, entry, length, db.entries.expiresAtMs(entry))
  const target = bytesOf(db, next, db.host.value)
  kept.copy(target.buffer, target.start)
  return next
}

/** Moves a long value to a larger block, with room to grow on as Redis' strings have. */
function growBlock(db: Keyspace, entry: number, length: number): void {
  const { arena } = db.host
  const old = bytesOf(db, entry, db.host.value)
  const block = arena.allocate(length + Math.min(length, GROWTH_BYTES_MAX), db.account)
  old.buffer.copy(arena.bytes[block >>> CHUNK_SHIFT], byteAt(block), old.start, old.end)
  db.host.freeValue(entry, db.account)
  const words = db.entries.wordsOf(entry)
  words[db.entries.cellAt(entry)] = block
  setLengthInPlace(db, entry, length)
}

function fitsInPlace(db: Keyspace, entry: number, length: number): boolean {
  const { entries, host } = db
  if (entries.encoding(entry) === encodings.block) {
    return length <= host.arena.blockBytes(blockOf(db, entry).block)
  }
  if (entries.encoding(entry) !== encodings.inline || length > INLINE_BYTES_MAX) return false
  return entries.inlineStart(entry) - byteAt(entry) + length <= host.arena.blockBytes(entry)
}

function setLengthInPlace(db: Keyspace, entry: number, length: number): void {
  if (db.entries.encoding(entry) === encodings.inline) db.entries.setInlineBytes(entry, length)
  else db.entries.wordsOf(entry)[db.entries.cellAt(entry) + 1] = length
}

/** A value of `length` undefined bytes, in a block of its own if it is too long for the entry. */
function setLength(
  db: Keyspace,
  key: Key,
  entry: number,
  length: number,
  expiresAtMs: number,
): number {
  if (length <= INLINE_BYTES_MAX) {
    const shape = { kind: kinds.string, encoding: encodings.inline, inlineBytes: length }
    return db.put(key, entry, { ...shape, expiresAtMs })
  }
  // first of all: an allocation that fails must leave the old value as it was
  const block = db.host.arena.allocate(length, db.account)
  const next = putBlock(db, key, entry, block, expiresAtMs)
  const words = db.entries.wordsOf(next)
  const at = db.entries.cellAt(next)
  words[at] = block
  words[at + 1] = length
  return next
}

/** A record whose cell is to name `block`, which is given back when there is no room for it. */
function putBlock(
  db: Keyspace,
  key: Key,
  entry: number,
  block: number,
  expiresAtMs: number,
): number {
  const shape = { kind: kinds.string, encoding: encodings.block, inlineBytes: 0 }
  try {
    return db.put(key, entry, { ...shape, expiresAtMs })
  } catch (error) {
    db.host.arena.free(block, db.account)
    throw error
  }
}

function blockOf(db: Keyspace, entry: number): { block: number; length: number } {
  const words = db.entries.wordsOf(entry)
  const at = db.entries.cellAt(entry)
  return { block: words[at], length: words[at + 1] }
}

const byteAt = (reference: number): number => (reference & GRANULE_MASK) << 3
