/**
 * Effects: what a command changed, told once for all who want to know (the log, later replicas).
 *
 * An effect is a command in the form in which Redis propagates it: its outcome depends on nothing
 * but the data that it meets. Times are absolute, conditions have been decided, random or floating
 * results are spelled out, a key whose time was over is a DEL. Running the effects again through
 * the same table of commands therefore reproduces the data. Nothing changed: no effect.
 *
 *   INCR n              → INCR n                        SET k v EX 10 NX → SET k v PXAT 1700000010000
 *   INCRBYFLOAT n 0.1   → SET n 3.1 KEEPTTL             EXPIRE k 10 GT   → PEXPIREAT k 1700000010000
 *   GETEX k PERSIST     → PERSIST k                     EXPIRE k -1      → DEL k
 *
 * The effects of one command stand one behind the other as RESP arrays of bulk strings and are
 * taken together: they are one record, and all or nothing of it happens again. There is one object
 * per process, filled by the command that runs. Where nobody listens, telling costs a comparison.
 */
import { copyBytes } from './bytes.ts'
import type { ByteStrings } from './key.ts'

/** The arguments of a command, its name being string 0. */
export interface CommandStrings extends ByteStrings {
  readonly count: number
}

const INITIAL_BYTES = 64 * 1024
/** A buffer that once held more than this is not kept. */
const KEPT_BYTES_MAX = 1024 * 1024
/** `*` or `$`, up to 16 digits, carriage return and line feed. */
const LINE_BYTES_MAX = 20

const [STAR, DOLLAR, ZERO, RETURN, FEED] = [0x2a, 0x24, 0x30, 13, 10]

export class Effects {
  /** Whether anybody listens: set for each command by whoever runs it. */
  isOn = false
  bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  /** Bytes of `bytes` in use; 0: nothing changed. */
  length = 0
  /** Keys that were changed, as `rdb_changes_since_last_save` counts them. */
  changes = 0

  /** Nothing told yet. */
  reset(): void {
    this.length = 0
    this.changes = 0
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  }

  /** The command did to `changes` keys just what it says. */
  asGiven(command: CommandStrings, changes = 1): void {
    if (!this.isOn) return
    this.changes += changes
    const { count } = command
    this.#line(STAR, count)
    for (let index = 0; index < count; index++) this.#argument(command, index)
  }

  /** `name` and the key, which is argument 1, then `tail`. */
  tell(name: string, command: ByteStrings, ...tail: (string | number)[]): void {
    if (!this.isOn) return
    this.changes++
    this.#line(STAR, 2 + tail.length)
    this.#text(name)
    this.#argument(command, 1)
    for (const word of tail) this.#text(String(word))
  }

  /** The key, which is argument 1, has argument `valueIndex` as its value now; then `tail`. */
  tellSet(command: ByteStrings, valueIndex: number, ...tail: (string | number)[]): void {
    if (!this.isOn) return
    this.changes++
    this.#line(STAR, 3 + tail.length)
    this.#text('SET')
    this.#argument(command, 1)
    this.#argument(command, valueIndex)
    for (const word of tail) this.#text(String(word))
  }

  /** The key, which is argument 1, was restored from argument 3; 0: it has no expiry time. */
  tellRestore(command: ByteStrings, expiresAtMs: number): void {
    if (!this.isOn) return
    this.changes++
    this.#line(STAR, 6)
    this.#text('RESTORE')
    this.#argument(command, 1)
    this.#text(String(expiresAtMs))
    this.#argument(command, 3)
    this.#text('REPLACE')
    this.#text('ABSTTL')
  }

  /** The key in `buffer[start, end)` went because its time was over. Counts as no change. */
  expired(buffer: Buffer, start: number, end: number): void {
    if (!this.isOn) return
    this.#line(STAR, 2)
    this.#text('DEL')
    this.#bulk(buffer, start, end)
  }

  #argument(command: ByteStrings, index: number): void {
    this.#bulk(command.buffer, command.start(index), command.end(index))
  }

  #bulk(buffer: Buffer, start: number, end: number): void {
    const count = end - start
    this.#line(DOLLAR, count)
    this.#reserve(count + 2)
    copyBytes(this.bytes, this.length, buffer, start, end)
    this.length += count
    this.#endLine()
  }

  /** One byte per character. */
  #text(text: string): void {
    this.#line(DOLLAR, text.length)
    this.#reserve(text.length + 2)
    this.bytes.write(text, this.length, 'latin1')
    this.length += text.length
    this.#endLine()
  }

  #line(type: number, value: number): void {
    this.#reserve(LINE_BYTES_MAX)
    const { bytes } = this
    bytes[this.length++] = type
    if (value >= 100) this.length += bytes.write(String(value), this.length, 'latin1')
    else {
      if (value >= 10) bytes[this.length++] = ZERO + ((value / 10) | 0)
      bytes[this.length++] = ZERO + (value % 10)
    }
    this.#endLine()
  }

  #endLine(): void {
    this.bytes[this.length++] = RETURN
    this.bytes[this.length++] = FEED
  }

  #reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }
}
