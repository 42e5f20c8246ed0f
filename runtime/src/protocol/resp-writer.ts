/**
 * Replies as RESP2 or RESP3, as `version` says at the moment. One object writes for all connections
 * of a process. https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
import { formatDouble } from './double.ts'
import { decimalDigits, LARGE_VALUE_BYTES, type ReplyBuffer } from './reply-buffer.ts'
import type { ReplyWriter } from './reply-writer.ts'

const [PLUS, MINUS, COLON, DOLLAR, STAR] = [0x2b, 0x2d, 0x3a, 0x24, 0x2a]
const [COMMA, HASH, PERCENT, TILDE, GREATER, EQUALS] = [0x2c, 0x23, 0x25, 0x7e, 0x3e, 0x3d]

const [ZERO, RETURN, FEED] = [0x30, 13, 10]
/** Below this a loop beats the call of a native copy. */
const SHORT_BULK_BYTES_MAX = 48

export class RespWriter implements ReplyWriter {
  version: 2 | 3 = 2
  readonly out: ReplyBuffer
  /** Error replies written so far. */
  errorCount = 0

  constructor(out: ReplyBuffer) {
    this.out = out
  }

  ok(): void {
    const { out } = this
    out.reserve(5)
    const { bytes, length } = out
    bytes[length] = PLUS
    bytes[length + 1] = 0x4f
    bytes[length + 2] = 0x4b
    bytes[length + 3] = 13
    bytes[length + 4] = 10
    out.length = length + 5
  }

  simple(text: string): void {
    this.#line(PLUS, text)
  }

  error(text: string): void {
    this.errorCount++
    this.#line(MINUS, /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]/g, ' ') : text)
  }

  integer(value: number): void {
    this.out.appendLine(COLON, value)
  }

  int64(value: bigint): void {
    this.#line(COLON, value.toString())
  }

  bulk(buffer: Uint8Array, start: number, end: number): void {
    const { out } = this
    const count = end - start
    if (count <= SHORT_BULK_BYTES_MAX) {
      this.#shortBulk(buffer, start, end)
      return
    }
    if (count < LARGE_VALUE_BYTES) out.reserve(count + 26)
    out.appendLine(DOLLAR, count)
    out.append(buffer, start, end)
    out.endLine()
  }

  /** The usual case in one go: two digits of length at most, and a copy that is a loop. */
  #shortBulk(buffer: Uint8Array, start: number, end: number): void {
    const { out } = this
    const count = end - start
    out.reserve(count + 7)
    const { bytes } = out
    let to = out.length
    bytes[to++] = DOLLAR
    const tens = (count / 10) | 0
    if (tens > 0) bytes[to++] = ZERO + tens
    bytes[to++] = ZERO + count - tens * 10
    bytes[to] = RETURN
    bytes[to + 1] = FEED
    to += 2
    for (let at = start; at < end; at++) bytes[to++] = buffer[at]
    bytes[to] = RETURN
    bytes[to + 1] = FEED
    out.length = to + 2
  }

  bulkText(text: string): void {
    this.out.appendLine(DOLLAR, text.length)
    this.out.appendText(text)
    this.out.endLine()
  }

  bulkInteger(value: number): void {
    const { out } = this
    out.appendLine(DOLLAR, decimalDigits(Math.abs(value)) + (value < 0 ? 1 : 0))
    out.reserve(24)
    out.appendDecimal(value)
    out.endLine()
  }

  nil(): void {
    this.out.appendText(this.version === 2 ? '$-1\r\n' : '_\r\n')
  }

  nilArray(): void {
    this.out.appendText(this.version === 2 ? '*-1\r\n' : '_\r\n')
  }

  array(count: number): void {
    this.out.appendLine(STAR, count)
  }

  map(pairs: number): void {
    if (this.version === 2) this.out.appendLine(STAR, 2 * pairs)
    else this.out.appendLine(PERCENT, pairs)
  }

  set(count: number): void {
    this.out.appendLine(this.version === 2 ? STAR : TILDE, count)
  }

  push(count: number): void {
    this.out.appendLine(this.version === 2 ? STAR : GREATER, count)
  }

  double(value: number): void {
    if (this.version === 2) this.bulkText(formatDouble(value))
    else this.#line(COMMA, formatDouble(value))
  }

  boolean(value: boolean): void {
    if (this.version === 2) this.integer(value ? 1 : 0)
    else this.#line(HASH, value ? 't' : 'f')
  }

  verbatim(format: string, text: string): void {
    if (this.version === 2) {
      this.bulkText(text)
      return
    }
    this.out.appendLine(EQUALS, text.length + format.length + 1)
    this.out.appendText(`${format}:${text}`)
    this.out.endLine()
  }

  #line(type: number, text: string): void {
    const { out } = this
    out.reserve(text.length + 3)
    out.bytes[out.length++] = type
    out.appendText(text)
    out.endLine()
  }
}
