/**
 * The incremental decoder of requests: `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, or an inline line of text.
 *
 * It works in place: arguments are offsets into the caller's buffer, nothing is copied. Between two
 * calls it remembers how far it came within a command, so a byte is looked at once however the
 * stream is cut. The caller owns the bytes: when it moves them, it calls `rebase`.
 *
 *   commandStart      position                      end
 *        ▼                ▼                           ▼
 *   ─────*3␍␊$3␍␊SET␍␊$1␍␊k␍␊$5␍␊hel ················
 *        └ args 0 and 1 known ┘└ bulk length known, bytes awaited
 *
 * Error texts are those of Redis' networking.c. https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
import { Args } from './args.ts'
import { splitInline } from './inline.ts'
import {
  ARGS_MAX,
  BULK_BYTES_MAX,
  INLINE_BYTES_MAX,
  LENGTH_LINE_BYTES_MAX,
  UNAUTHENTICATED_ARGS_MAX,
  UNAUTHENTICATED_BULK_BYTES_MAX,
} from './limits.ts'
import { parseInteger } from './numbers.ts'

/** The bytes end before the command does: call again when there are more. */
export const NEEDS_MORE = 0
/** `args` holds a command; with no arguments (an empty line) there is nothing to run. */
export const COMPLETE = 1
/** `error` says what is wrong; nothing after it can be understood. */
export const FAILED = 2
export type DecodeStatus = typeof NEEDS_MORE | typeof COMPLETE | typeof FAILED

const STAR = 0x2a
const DOLLAR = 0x24
const CARRIAGE_RETURN = 0x0d
const LINE_FEED = 0x0a
const ZERO = 0x30

/** Results of `#readLength` that are no length. */
const LINE_CUT = -1
const LINE_TOO_LONG = -2
const NOT_A_LENGTH = -3
/** A valid integer below zero; only a multibulk length may be one. */
const NEGATIVE = -4
/** Digits that need no check against a limit while they are added up. */
const QUICK_DIGITS_MAX = 9

export class RequestDecoder {
  readonly args = new Args()
  /** Offset of the next byte to look at; everything before it is consumed. */
  position = 0
  /** Offset of the first byte of the command in progress; bytes before it may be dropped. */
  commandStart = 0
  error = ''
  /** Arguments that the command in progress still lacks; 0: between commands. */
  #missing = 0
  /** Length of the argument in progress; -1: its length line comes next. */
  #bulkBytes = -1
  /** Where the search for an inline line's end goes on. */
  #scanned = 0
  #afterLine = 0

  /** Starts between commands at the front of a buffer. */
  restart(): void {
    this.position = 0
    this.commandStart = 0
    this.#missing = 0
    this.#bulkBytes = -1
    this.#scanned = 0
  }

  /** Between commands nothing before `position` is needed any more. */
  settle(): void {
    if (this.#missing === 0) this.commandStart = this.position
  }

  /** The bytes from `commandStart` on now lie at the front of `buffer`. */
  rebase(buffer: Buffer): void {
    const offset = this.commandStart
    this.args.rebase(buffer, offset)
    this.position -= offset
    this.#scanned = Math.max(0, this.#scanned - offset)
    this.commandStart = 0
  }

  /** How many bytes after `position` the argument in progress needs, 0 when that is not known. */
  get bytesAwaited(): number {
    return this.#bulkBytes < 0 ? 0 : this.#bulkBytes + 2
  }

  /**
   * Decodes one command from `buffer` between `position` and `end`. `isTrusted`: the peer has
   * authenticated, the full limits hold.
   */
  decode(buffer: Buffer, end: number, isTrusted: boolean): DecodeStatus {
    if (this.#missing === 0) {
      this.commandStart = this.position
      if (this.position >= end) return NEEDS_MORE
      this.args.reset(buffer)
      if (buffer[this.position] !== STAR) return this.#decodeInline(buffer, end)
      if (this.#decodeShort(buffer, end)) return COMPLETE
      const status = this.#decodeCount(buffer, end, isTrusted)
      if (status !== COMPLETE || this.#missing === 0) return status
    }
    return this.#decodeArguments(buffer, end, isTrusted)
  }

  /**
   * The usual case in one go: a command that is here to its end, of up to nine arguments of up to
   * 999 bytes. False, and nothing has changed but `args`, when it is anything else. Bytes beyond
   * `end` may be read, but an argument that reaches there is not taken.
   */
  #decodeShort(buffer: Buffer, end: number): boolean {
    const { args } = this
    let at = this.position + 1
    const count = buffer[at] - ZERO
    if (!(count > 0 && count <= 9) || buffer[at + 1] !== CARRIAGE_RETURN) return false
    at += 3
    for (let index = 0; index < count; index++) {
      let bytes = buffer[at + 1] - ZERO
      if (buffer[at] !== DOLLAR || !(bytes >= 0 && bytes <= 9)) return this.#notShort(buffer)
      at += 2
      for (let digit = 0; digit < 2 && bytes > 0 && buffer[at] !== CARRIAGE_RETURN; digit++) {
        const next = buffer[at] - ZERO
        if (!(next >= 0 && next <= 9)) return this.#notShort(buffer)
        bytes = bytes * 10 + next
        at++
      }
      const start = at + 2
      const stop = start + bytes
      if (buffer[at] !== CARRIAGE_RETURN || stop + 2 > end) return this.#notShort(buffer)
      args.push(start, stop)
      at = stop + 2
    }
    this.position = at
    return true
  }

  #notShort(buffer: Buffer): boolean {
    this.args.reset(buffer)
    return false
  }

  #decodeCount(buffer: Buffer, end: number, isTrusted: boolean): DecodeStatus {
    const count = this.#readLength(buffer, this.position + 1, end)
    if (count < 0) {
      if (count === LINE_CUT) return NEEDS_MORE
      if (count === LINE_TOO_LONG) return this.#fail('too big mbulk count string')
      if (count === NOT_A_LENGTH) return this.#fail('invalid multibulk length')
    }
    if (count > ARGS_MAX) return this.#fail('invalid multibulk length')
    if (!isTrusted && count > UNAUTHENTICATED_ARGS_MAX) {
      return this.#fail('unauthenticated multibulk length')
    }
    this.position = this.#afterLine
    this.#missing = Math.max(count, 0)
    return COMPLETE
  }

  #decodeArguments(buffer: Buffer, end: number, isTrusted: boolean): DecodeStatus {
    const { args } = this
    while (this.#missing > 0) {
      let bulkBytes = this.#bulkBytes
      if (bulkBytes < 0) {
        const status = this.#decodeBulkLength(buffer, end, isTrusted)
        if (status !== COMPLETE) return status
        bulkBytes = this.#bulkBytes
      }
      const start = this.position
      const stop = start + bulkBytes
      if (stop + 2 > end) return NEEDS_MORE
      args.push(start, stop)
      this.position = stop + 2
      this.#bulkBytes = -1
      this.#missing--
    }
    return COMPLETE
  }

  #decodeBulkLength(buffer: Buffer, end: number, isTrusted: boolean): DecodeStatus {
    if (this.position >= end) return NEEDS_MORE
    const type = buffer[this.position]
    const isEmptyLine = type === CARRIAGE_RETURN && this.position + 1 < end
    const bytes = isEmptyLine ? NOT_A_LENGTH : this.#readLength(buffer, this.position + 1, end)
    if (bytes === LINE_CUT) return NEEDS_MORE
    if (bytes === LINE_TOO_LONG) return this.#fail('too big bulk count string')
    if (type !== DOLLAR) return this.#fail(`expected '$', got '${printable(type)}'`)
    if (bytes < 0 || bytes > BULK_BYTES_MAX) return this.#fail('invalid bulk length')
    if (!isTrusted && bytes > UNAUTHENTICATED_BULK_BYTES_MAX) {
      return this.#fail('unauthenticated bulk length')
    }
    this.position = this.#afterLine
    this.#bulkBytes = bytes
    return COMPLETE
  }

  /** The integer between `start` and the line's end, or why there is none; sets `#afterLine`. */
  #readLength(buffer: Buffer, start: number, end: number): number {
    let at = start
    let value = 0
    for (; at < end; at++) {
      const digit = buffer[at] - ZERO
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    const digits = at - start
    const isPlain =
      digits > 0 && digits <= QUICK_DIGITS_MAX && (buffer[start] !== ZERO || digits === 1)
    if (isPlain && at + 1 < end && buffer[at] === CARRIAGE_RETURN) {
      this.#afterLine = at + 2
      return value
    }
    return this.#readOddLength(buffer, start, end)
  }

  /** Everything that is not a short plain number in one piece. The line feed is not looked at. */
  #readOddLength(buffer: Buffer, start: number, end: number): number {
    const searchEnd = Math.min(end, start + LENGTH_LINE_BYTES_MAX)
    let at = start
    while (at < searchEnd && buffer[at] !== CARRIAGE_RETURN) at++
    if (at === start + LENGTH_LINE_BYTES_MAX) return LINE_TOO_LONG
    if (at === searchEnd) return LINE_CUT
    if (at + 1 >= end) return LINE_CUT
    this.#afterLine = at + 2
    const value = parseInteger(buffer, start, at)
    if (Number.isNaN(value)) return NOT_A_LENGTH
    return value < 0 ? NEGATIVE : value
  }

  #decodeInline(buffer: Buffer, end: number): DecodeStatus {
    const from = Math.max(this.position, this.#scanned)
    let feed = from
    while (feed < end && buffer[feed] !== LINE_FEED) feed++
    this.#scanned = feed
    if (feed - this.position > INLINE_BYTES_MAX) return this.#fail('too big inline request')
    if (feed === end) return NEEDS_MORE
    const hasReturn = feed > this.position && buffer[feed - 1] === CARRIAGE_RETURN
    const lineEnd = hasReturn ? feed - 1 : feed
    if (!splitInline(buffer, this.position, lineEnd, this.args)) {
      return this.#fail('unbalanced quotes in request')
    }
    this.position = feed + 1
    return COMPLETE
  }

  #fail(reason: string): DecodeStatus {
    this.error = `ERR Protocol error: ${reason}`
    return FAILED
  }
}

/** Redis turns line ends inside an error into spaces. */
function printable(byte: number): string {
  return byte === CARRIAGE_RETURN || byte === LINE_FEED ? ' ' : String.fromCharCode(byte)
}
