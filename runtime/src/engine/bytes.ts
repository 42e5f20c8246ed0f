/** Moving and comparing bytes, each by the means that is fastest for the length. */

/** What fits is any 64-bit integer in decimal. */
const SCRATCH_BYTES = 32

/** A run of bytes. Reused by whoever hands it out: read it before the next call. */
export class Bytes {
  #scratch: Buffer | undefined
  buffer: Buffer = Buffer.alloc(0)
  start = 0
  end = 0

  set(buffer: Buffer, start: number, end: number): this {
    this.buffer = buffer
    this.start = start
    this.end = end
    return this
  }

  /** The characters of a short ASCII text, in a buffer of this object's own. */
  setText(text: string): this {
    this.#scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES)
    this.#scratch.write(text, 'latin1')
    return this.set(this.#scratch, 0, text.length)
  }

  get length(): number {
    return this.end - this.start
  }
}

/** Up to here a loop beats the call into the runtime, which costs about 40 ns. */
const LOOP_COPY_BYTES_MAX = 40
const LOOP_COMPARE_BYTES_MAX = 80

/** Copies `source[start, end)` to `target` at `at`. Ranges of one buffer may overlap. */
export function copyBytes(
  target: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
): void {
  if (end - start > LOOP_COPY_BYTES_MAX || target === source) {
    source.copy(target, at, start, end)
    return
  }
  let to = at
  for (let from = start; from < end; from++) target[to++] = source[from]
}

/** Whether `length` bytes at both places are the same. */
export function equalBytes(
  left: Buffer,
  leftStart: number,
  right: Buffer,
  rightStart: number,
  length: number,
): boolean {
  if (length > LOOP_COMPARE_BYTES_MAX) {
    const order = left.compare(
      right,
      rightStart,
      rightStart + length,
      leftStart,
      leftStart + length,
    )
    return order === 0
  }
  for (let offset = 0; offset < length; offset++) {
    if (left[leftStart + offset] !== right[rightStart + offset]) return false
  }
  return true
}
