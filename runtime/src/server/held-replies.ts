/**
 * Replies of one connection that wait until the log has on the disk what they acknowledge, in the
 * order of their commands: one that need not wait queues behind those that must.
 */
import type { ReplyBuffer } from '../protocol/reply-buffer.ts'

interface Held {
  readonly bytes: Buffer
  /** The log's sequence that must be synced first. */
  readonly until: number
}

export class HeldReplies {
  /** Bytes that wait. */
  bytes = 0
  readonly #queue: Held[] = []
  #until = 0

  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  /** Takes everything out of `output`, to be let go when `until` is synced. */
  push(output: ReplyBuffer, until: number): void {
    this.#until = Math.max(this.#until, until)
    const bytes = Buffer.concat(output.seal())
    output.reset()
    this.#queue.push({ bytes, until: this.#until })
    this.bytes += bytes.length
  }

  /** Appends to `output` what may go now that `synced` is synced. */
  release(synced: number, output: ReplyBuffer): void {
    let count = 0
    for (const { bytes, until } of this.#queue) {
      if (until > synced) break
      output.append(bytes, 0, bytes.length)
      this.bytes -= bytes.length
      count++
    }
    this.#queue.splice(0, count)
  }
}
