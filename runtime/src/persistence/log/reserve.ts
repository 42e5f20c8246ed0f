/**
 * Space on the disk that is held back: a file of zeros. When the disk is full it is given up, so
 * that what was accepted before anybody knew can still be written.
 */
import { join } from 'node:path'
import type { Disk } from '../disk.ts'

export const RESERVE_NAME = 'reserve'
const CHUNK_BYTES = 1024 * 1024

export class Reserve {
  readonly #disk: Disk
  readonly #directory: string
  readonly #path: string
  readonly #bytes: number
  isHeld = false

  constructor(disk: Disk, directory: string, bytes: number) {
    this.#disk = disk
    this.#directory = directory
    this.#path = join(directory, RESERVE_NAME)
    this.#bytes = bytes
  }

  /** Takes the space if it is not held. Throws a DiskError, without keeping any of it, if it cannot. */
  hold(): void {
    if (this.isHeld) return
    try {
      this.#fill()
      this.#disk.syncDirectory(this.#directory)
      this.isHeld = true
    } catch (error) {
      this.#disk.remove(this.#path)
      throw error
    }
  }

  /** Gives the space back to the disk; false when there was none. */
  release(): boolean {
    if (!this.isHeld) return false
    this.isHeld = false
    this.#disk.remove(this.#path)
    return true
  }

  #fill(): void {
    const isThere = this.#disk.list(this.#directory).includes(RESERVE_NAME)
    const file = this.#disk.open(this.#path, isThere ? 'update' : 'create')
    try {
      const zeros = Buffer.alloc(CHUNK_BYTES)
      for (let at = file.size(); at < this.#bytes; at += CHUNK_BYTES) {
        file.write([zeros.subarray(0, Math.min(CHUNK_BYTES, this.#bytes - at))], at)
      }
      file.sync()
    } finally {
      file.close()
    }
  }
}
