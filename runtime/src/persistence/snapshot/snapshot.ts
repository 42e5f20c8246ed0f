/**
 * Writes a snapshot to a file while the databases are written to.
 *
 * The file has a temporary name until it is whole: written, synced, renamed, directory synced. Then
 * and only then has it been there.
 */
import { posix } from 'node:path'
import type { Keyspace } from '../../engine/keyspace.ts'
import type { Disk, DiskFile } from '../disk.ts'
import type { Slices } from './slices.ts'
import { type AuxFields, SnapshotStream } from './snapshot-stream.ts'

export interface SnapshotOptions {
  readonly disk: Disk
  /** The file's name once it is whole. Its directory exists. */
  readonly path: string
  readonly databases: Iterable<readonly [index: number, db: Keyspace]>
  readonly aux: AuxFields
}

export interface SnapshotResult {
  readonly path: string
  readonly keys: number
  readonly bytes: number
}

/** Appended to the name of a file that is not whole. */
export const UNFINISHED_SUFFIX = '.unfinished'
/** Bytes of one write. Copying and summing them up takes well under a millisecond. */
const WRITE_BYTES = 256 * 1024
/** With more bytes waiting for the disk, the walk waits too. What changes is written all the same. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024

/** Fixes the moment: what is in the databases now will be in the file. Goes on with `run`. */
export function startSnapshot(options: SnapshotOptions): Snapshot {
  return new Snapshot(options)
}

export class Snapshot {
  readonly #options: SnapshotOptions
  readonly #stream: SnapshotStream
  readonly #temporaryPath: string
  #bytes = 0
  #failure: Error | undefined

  constructor(options: SnapshotOptions) {
    this.#options = options
    this.#temporaryPath = options.path + UNFINISHED_SUFFIX
    this.#stream = new SnapshotStream(options.databases, options.aux)
  }

  /** Gives up; `run` rejects with `reason` once it has cleaned up. */
  abandon(reason: Error): void {
    this.#failure ??= reason
    this.#stream.abandon()
  }

  /**
   * Does the work in slices. Resolves when the file is sure to be there after a crash. Rejects with
   * what the disk said, or the reason of `abandon`; the databases are then ready for the next
   * snapshot. A file under the final name is whole in any case.
   */
  async run(slices: Slices): Promise<SnapshotResult> {
    let file: DiskFile | undefined
    try {
      file = this.#options.disk.open(this.#temporaryPath, 'create')
      await this.#write(file, slices)
    } catch (error) {
      this.abandon(error instanceof Error ? error : new Error(String(error)))
      await this.#cleanUp(slices)
    } finally {
      this.#stream.close()
      file?.close()
    }
    if (this.#failure !== undefined) {
      this.#remove()
      throw this.#failure
    }
    return await this.#publish()
  }

  async #write(file: DiskFile, slices: Slices): Promise<void> {
    for (let isMore = true; isMore; ) {
      slices.begin()
      isMore = this.#walk(slices)
      const chunks = this.#take(isMore)
      const written = this.#writeChunks(file, chunks)
      await Promise.all([written, slices.pause()])
      if (this.#failure !== undefined) throw this.#failure
    }
    await this.#writeChunks(file, [this.#stream.checksum()])
    await file.syncAsync()
  }

  /** One slice of walking, a step at least; false when all is walked and one write is left. */
  #walk(slices: Slices): boolean {
    const stream = this.#stream
    for (let isMore = true; isMore; ) {
      if (stream.waitingBytes >= WAITING_BYTES_MAX) return true
      isMore = stream.step()
      if (isMore && slices.isOver()) return true
    }
    return stream.waitingBytes > WRITE_BYTES
  }

  /** What is worth a write now; the last time, everything. */
  #take(isMore: boolean): Buffer[] {
    const chunks: Buffer[] = []
    if (isMore && this.#stream.waitingBytes < WRITE_BYTES) return chunks
    for (let left = WRITE_BYTES; left > 0; ) {
      const chunk = this.#stream.take(left)
      if (chunk === undefined) break
      chunks.push(chunk)
      left -= chunk.length
    }
    return chunks
  }

  async #writeChunks(file: DiskFile, chunks: readonly Buffer[]): Promise<void> {
    if (chunks.length === 0) return
    const position = this.#bytes
    for (const chunk of chunks) this.#bytes += chunk.length
    await file.writeAsync(chunks, position)
  }

  async #publish(): Promise<SnapshotResult> {
    const { disk, path } = this.#options
    try {
      disk.rename(this.#temporaryPath, path)
      await disk.syncDirectoryAsync(posix.dirname(path))
    } catch (error) {
      this.#remove()
      throw error
    }
    return { path, keys: this.#stream.keyCount, bytes: this.#bytes }
  }

  /** Walks on without writing, so that no mark is left in the databases. */
  async #cleanUp(slices: Slices): Promise<void> {
    for (let isMore = true; isMore; ) {
      slices.begin()
      do isMore = this.#stream.step()
      while (isMore && !slices.isOver())
      await slices.pause()
    }
  }

  #remove(): void {
    try {
      this.#options.disk.remove(this.#temporaryPath)
    } catch {
      // The disk that failed may fail again. The next start removes what is unfinished.
    }
  }
}
