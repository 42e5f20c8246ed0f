/**
 * Splits an inline command into arguments, with the quoting of a shell: `set k "two words\n" 'it\'s'`.
 *
 * Works in place: what quotes and escapes stand for is never longer than they are, so an argument's
 * bytes are written over its own source. Rules: sdssplitargs in Redis' sds.c.
 */
import type { Args } from './args.ts'

const QUOTE = 0x22
const APOSTROPHE = 0x27
const BACKSLASH = 0x5c
const LETTER_X = 0x78
const SPACE = 0x20

const escapes: Readonly<Record<number, number>> = { 110: 10, 114: 13, 116: 9, 98: 8, 97: 7 }

/** What ends a bare word; vertical tab and form feed separate words but do not end one. */
const isBlank = (byte: number): boolean =>
  byte === SPACE || byte === 9 || byte === 10 || byte === 13

const isSpace = (byte: number): boolean => byte === SPACE || (byte >= 9 && byte <= 13)

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** One pass over a line: `at` reads, `out` writes behind it. */
interface Cursor {
  readonly buffer: Buffer
  readonly end: number
  at: number
  out: number
}

/** Appends the arguments between `start` and `end` to `args`; false when quotes do not balance. */
export function splitInline(buffer: Buffer, start: number, end: number, args: Args): boolean {
  // Redis handles the line as a C string: a null byte ends it
  const nul = buffer.subarray(start, end).indexOf(0)
  const cursor = { buffer, end: nul < 0 ? end : start + nul, at: start, out: start }
  for (;;) {
    while (cursor.at < cursor.end && isSpace(buffer[cursor.at])) cursor.at++
    if (cursor.at === cursor.end) return true
    const first = cursor.at
    cursor.out = first
    if (!copyArgument(cursor)) return false
    args.push(first, cursor.out)
  }
}

function copyArgument(cursor: Cursor): boolean {
  const { buffer } = cursor
  while (cursor.at < cursor.end && !isBlank(buffer[cursor.at])) {
    const byte = buffer[cursor.at]
    if (byte === QUOTE || byte === APOSTROPHE) return copyQuoted(cursor, byte)
    buffer[cursor.out++] = byte
    cursor.at++
  }
  return true
}

/** Copies up to the closing quote, which must end the argument. */
function copyQuoted(cursor: Cursor, quote: number): boolean {
  const { buffer, end } = cursor
  cursor.at++
  while (cursor.at < end) {
    const byte = buffer[cursor.at]
    if (byte === quote) {
      cursor.at++
      return cursor.at === end || isSpace(buffer[cursor.at])
    }
    if (byte === BACKSLASH && cursor.at + 1 < end) copyEscape(cursor, quote)
    else copyByte(cursor, byte, 1)
  }
  return false
}

function copyByte(cursor: Cursor, byte: number, consumed: number): void {
  cursor.buffer[cursor.out++] = byte
  cursor.at += consumed
}

function copyEscape(cursor: Cursor, quote: number): void {
  const { buffer, at, end } = cursor
  const next = buffer[at + 1]
  if (quote === APOSTROPHE) {
    if (next === APOSTROPHE) copyByte(cursor, APOSTROPHE, 2)
    else copyByte(cursor, BACKSLASH, 1)
    return
  }
  const high = at + 3 < end && next === LETTER_X ? hexDigit(buffer[at + 2]) : -1
  const low = high < 0 ? -1 : hexDigit(buffer[at + 3])
  if (low >= 0) copyByte(cursor, high * 16 + low, 4)
  else copyByte(cursor, escapes[next] ?? next, 2)
}
