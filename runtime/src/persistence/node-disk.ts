/** The disk of this machine. The only file of persistence that touches node:fs. */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writev,
  writevSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { type Disk, type DiskFile, isDiskError, type OpenMode } from './disk.ts'

const writevLater = promisify(writev)
const fdatasyncLater = promisify(fdatasync)
const fsyncLater = promisify(fsync)

const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700
const flags: Readonly<Record<OpenMode, string>> = { read: 'r', create: 'w+', update: 'r+' }
/** Buffers that one writev(2) takes: IOV_MAX. */
const CHUNKS_PER_WRITE = 1024

export class NodeDisk implements Disk {
  makeDirectory(path: string): void {
    const first = mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE })
    if (first === undefined) return
    for (let made = path; made.length >= first.length; made = dirname(made)) {
      this.syncDirectory(dirname(made))
    }
  }

  list(path: string): string[] {
    try {
      return readdirSync(path).sort()
    } catch (error) {
      if (isDiskError(error) && error.code === 'ENOENT') return []
      throw error
    }
  }

  open(path: string, mode: OpenMode): DiskFile {
    return new NodeFile(path, openSync(path, flags[mode], FILE_MODE))
  }

  rename(from: string, to: string): void {
    renameSync(from, to)
  }

  remove(path: string): void {
    rmSync(path, { force: true })
  }

  syncDirectory(path: string): void {
    const descriptor = openSync(path, 'r')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  }

  async syncDirectoryAsync(path: string): Promise<void> {
    const descriptor = openSync(path, 'r')
    try {
      await fsyncLater(descriptor)
    } finally {
      closeSync(descriptor)
    }
  }
}

class NodeFile implements DiskFile {
  readonly path: string
  readonly #descriptor: number

  constructor(path: string, descriptor: number) {
    this.path = path
    this.#descriptor = descriptor
  }

  size(): number {
    return fstatSync(this.#descriptor).size
  }

  read(into: Uint8Array, position: number): number {
    let done = 0
    while (done < into.length) {
      const count = readSync(this.#descriptor, into, done, into.length - done, position + done)
      if (count === 0) break
      done += count
    }
    return done
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    let left = chunks
    let at = position
    while (left.length > 0) {
      const written = writevSync(this.#descriptor, left.slice(0, CHUNKS_PER_WRITE), at)
      left = without(left, written)
      at += written
    }
  }

  async writeAsync(chunks: readonly Uint8Array[], position: number): Promise<void> {
    let left = chunks
    let at = position
    while (left.length > 0) {
      const { bytesWritten } = await writevLater(
        this.#descriptor,
        left.slice(0, CHUNKS_PER_WRITE),
        at,
      )
      left = without(left, bytesWritten)
      at += bytesWritten
    }
  }

  truncate(bytes: number): void {
    ftruncateSync(this.#descriptor, bytes)
  }

  sync(): void {
    fdatasyncSync(this.#descriptor)
  }

  async syncAsync(): Promise<void> {
    await fdatasyncLater(this.#descriptor)
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

/** What is left of the chunks after `bytes` of them; empty chunks go too. */
function without(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let index = 0
  let left = bytes
  for (; index < chunks.length && left >= chunks[index].length; index++)
    left -= chunks[index].length
  if (left === 0) return chunks.slice(index)
  return [chunks[index].subarray(left), ...chunks.slice(index + 1)]
}
