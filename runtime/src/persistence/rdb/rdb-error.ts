/** Why bytes are no RDB that can be read, and where. */
export class RdbError extends Error {
  /** Bytes from the beginning of the file or payload. */
  readonly offset: number

  constructor(reason: string, offset: number) {
    super(`${reason} at offset ${offset}`)
    this.name = 'RdbError'
    this.offset = offset
  }
}
