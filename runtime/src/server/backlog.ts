/**
 * Bytes of one connection that could not run yet: the beginning of a command, or commands whose
 * turn is still to come. A connection without such bytes has no backlog, and costs nothing.
 */
import { READ_BYTES } from './limits.ts'

const CAPACITY_MIN = 1024

export class Backlog {
  bytes: Buffer
  length: number

  /** Copies `source` from `start` to `end`, and leaves room for `bytesAwaited` more. */
  constructor(source: Buffer, start: number, end: number, bytesAwaited: number) {
    this.length = end - start
    this.bytes = Buffer.allocUnsafeSlow(capacityFor(this.length, bytesAwaited))
    source.copy(this.bytes, 0, start, end)
  }

  /** Appends `count` bytes; those before `from` are dropped. Returns whether bytes have moved. */
  append(source: Buffer, count: number, from: number, bytesAwaited: number): boolean {
    const moves = this.length + count > this.bytes.length
    if (moves) this.#makeRoom(count, from, bytesAwaited)
    source.copy(this.bytes, this.length, 0, count)
    this.length += count
    return moves
  }

  #makeRoom(count: number, from: number, bytesAwaited: number): void {
    const kept = this.length - from
    const isCrowded = kept + count > this.bytes.length
    const target = isCrowded
      ? Buffer.allocUnsafeSlow(capacityFor(kept + count, bytesAwaited))
      : this.bytes
    this.bytes.copy(target, 0, from, this.length)
    this.bytes = target
    this.length = kept
  }
}

/** Room for what is awaited, but no more than doubles per step: a peer must send to be given memory. */
function capacityFor(length: number, bytesAwaited: number): number {
  const wanted = Math.max(length + bytesAwaited + READ_BYTES, 2 * length)
  if (length < CAPACITY_MIN / 2 && bytesAwaited < CAPACITY_MIN / 2) return CAPACITY_MIN
  return Math.min(wanted, 2 * length + READ_BYTES)
}
