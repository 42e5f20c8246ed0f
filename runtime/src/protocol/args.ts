/**
 * The arguments of one command, where the decoder found them: a view over a read buffer.
 *
 * Argument 0 is the command's name. Valid only until the command returns: the bytes belong to the
 * next read afterwards, so whoever keeps them copies them. One object serves all commands.
 */
import { parseFloating, parseInt64, parseInteger } from './numbers.ts'

const ARGS_INITIAL = 16

export class Args {
  /** Arguments, the command's name included. */
  count = 0
  /** The bytes that `start` and `end` point into. */
  buffer: Buffer = Buffer.alloc(0)
  #bounds = new Int32Array(2 * ARGS_INITIAL)

  /** Offset in `buffer` of the first byte of argument `index`. */
  start(index: number): number {
    return this.#bounds[2 * index]
  }

  /** Offset in `buffer` after the last byte of argument `index`. */
  end(index: number): number {
    return this.#bounds[2 * index + 1]
  }

  /** Bytes of argument `index`. */
  bytes(index: number): number {
    return this.#bounds[2 * index + 1] - this.#bounds[2 * index]
  }

  /** Whether argument `index` is `word` (lower-case ASCII), whatever its case. */
  is(index: number, word: string): boolean {
    const start = this.#bounds[2 * index]
    if (this.#bounds[2 * index + 1] - start !== word.length) return false
    for (let at = 0; at < word.length; at++) {
      let byte = this.buffer[start + at]
      if (byte >= 0x41 && byte <= 0x5a) byte |= 0x20
      if (byte !== word.charCodeAt(at)) return false
    }
    return true
  }

  /** Argument `index` as a string of one character per byte (latin1), so that no byte is lost. */
  text(index: number): string {
    return this.buffer.toString('latin1', this.#bounds[2 * index], this.#bounds[2 * index + 1])
  }

  /** Argument `index` as a signed 64-bit integer, rounded beyond ±2^53; NaN when it is none. */
  integer(index: number): number {
    return parseInteger(this.buffer, this.#bounds[2 * index], this.#bounds[2 * index + 1])
  }

  /** Argument `index` as an exact signed 64-bit integer; undefined when it is none. */
  int64(index: number): bigint | undefined {
    return parseInt64(this.buffer, this.#bounds[2 * index], this.#bounds[2 * index + 1])
  }

  /** Argument `index` as a floating-point number; NaN when it is none. */
  float(index: number): number {
    return parseFloating(this.buffer, this.#bounds[2 * index], this.#bounds[2 * index + 1])
  }

  /** For the decoder: starts over with no arguments. */
  reset(buffer: Buffer): void {
    this.buffer = buffer
    this.count = 0
  }

  /** For the decoder: one argument more. */
  push(start: number, end: number): void {
    const at = 2 * this.count
    if (at === this.#bounds.length) this.#grow()
    this.#bounds[at] = start
    this.#bounds[at + 1] = end
    this.count++
  }

  /** For the decoder: the bytes moved to `buffer`, by `offset` towards its front. */
  rebase(buffer: Buffer, offset: number): void {
    this.buffer = buffer
    if (offset === 0) return
    for (let at = 0; at < 2 * this.count; at++) this.#bounds[at] -= offset
  }

  #grow(): void {
    const larger = new Int32Array(2 * this.#bounds.length)
    larger.set(this.#bounds)
    this.#bounds = larger
  }

  /** Arguments that fit without growing; a pool drops objects that grew large. */
  get capacity(): number {
    return this.#bounds.length / 2
  }
}

/** Arguments from strings of one character per byte, for tests and for callers inside. */
export function argsOf(...words: readonly string[]): Args {
  const args = new Args()
  args.reset(Buffer.from(words.join(''), 'latin1'))
  let at = 0
  for (const word of words) {
    args.push(at, at + word.length)
    at += word.length
  }
  return args
}
