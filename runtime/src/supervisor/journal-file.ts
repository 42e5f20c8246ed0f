/** The journal's file: appended and synced, or replaced as a whole. Knows nothing of its content. */
import { type FileHandle, mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What the store needs of a disk. A method that resolves has synced. */
export interface JournalStorage {
  /** undefined: there is no journal yet. */
  read(): Promise<Buffer | undefined>
  append(bytes: Buffer): Promise<void>
  /** Replaces everything by `bytes`, in one step: after a crash there is the old or the new. */
  replace(bytes: Buffer): Promise<void>
  close(): Promise<void>
}

export class JournalFile implements JournalStorage {
  readonly path: string
  #handle: FileHandle | undefined
  #bytes = 0

  constructor(path: string) {
    this.path = path
  }

  async read(): Promise<Buffer | undefined> {
    await mkdir(dirname(this.path), { recursive: true })
    try {
      return await readFile(this.path)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async append(bytes: Buffer): Promise<void> {
    if (this.#handle === undefined) throw new Error('replace() comes before append()')
    await writeAt(this.#handle, bytes, this.#bytes)
    await this.#handle.datasync()
    this.#bytes += bytes.length
  }

  async replace(bytes: Buffer): Promise<void> {
    const temporary = `${this.path}.new`
    const handle = await open(temporary, 'w', 0o600)
    try {
      await writeAt(handle, bytes, 0)
      await handle.sync()
      await rename(temporary, this.path)
      await syncDirectory(dirname(this.path))
    } catch (error) {
      await handle.close()
      throw error
    }
    await this.close()
    this.#handle = handle
    this.#bytes = bytes.length
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }
}

async function writeAt(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const left = bytes.length - written
    const result = await handle.write(bytes, written, left, position + written)
    written += result.bytesWritten
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'
