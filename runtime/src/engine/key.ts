/** A key in hand: where its bytes are, and its hash. */
import type { KeyHasher } from './key-hasher.ts'

/** A list of byte strings in one buffer, such as the arguments of a command. */
export interface ByteStrings {
  readonly buffer: Buffer
  start(index: number): number
  end(index: number): number
}

/**
 * One object serves many look-ups: `take` refills it, so nothing is allocated per command. It is
 * valid as long as the bytes it points to.
 */
export class Key {
  buffer: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
  hash = 0

  take(hasher: KeyHasher, strings: ByteStrings, index: number): this {
    return this.takeBytes(hasher, strings.buffer, strings.start(index), strings.end(index))
  }

  takeBytes(hasher: KeyHasher, buffer: Buffer, start: number, end: number): this {
    this.buffer = buffer
    this.start = start
    this.end = end
    this.hash = hasher.hash(buffer, start, end)
    return this
  }
}
