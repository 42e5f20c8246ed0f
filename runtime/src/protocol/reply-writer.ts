/**
 * The port through which commands answer. One implementation writes RESP2 and RESP3; a
 * script host will write Lua values. Nothing is allocated per reply (docs/adr/0001).
 *
 * A command writes exactly one reply. An aggregate is its header followed by as many replies.
 * Where RESP2 lacks a type, the writer degrades as Redis does: maps become flat arrays, doubles
 * and big numbers bulk strings, booleans integers. `text` is one character per byte (latin1).
 */
export interface ReplyWriter {
  /** For the few commands whose answer differs in shape. */
  readonly version: 2 | 3
  ok(): void
  /** A simple string, without carriage return or line feed. */
  simple(text: string): void
  /** An error with its code, without the leading minus: `ERR syntax error`. */
  error(text: string): void
  /** An integer within ±2^53. */
  integer(value: number): void
  /** An integer of 64 bits. */
  int64(value: bigint): void
  /** A bulk string; the bytes are copied before this returns. */
  bulk(buffer: Uint8Array, start: number, end: number): void
  bulkText(text: string): void
  /** A bulk string that holds this integer in decimal. */
  bulkInteger(value: number): void
  nil(): void
  /** The null that stands for an array: `*-1` in RESP2. */
  nilArray(): void
  array(count: number): void
  /** A map of `pairs` keys and values; 2 × `pairs` replies follow. */
  map(pairs: number): void
  set(count: number): void
  push(count: number): void
  double(value: number): void
  boolean(value: boolean): void
  /** Text for people, `format` being `txt` or `mkd`. */
  verbatim(format: string, text: string): void
}
