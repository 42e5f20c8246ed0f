/**
 * The files of persistence, as a port. Adapters: NodeDisk, and FaultyDisk in testing/.
 *
 * What a crash of the machine leaves: bytes are sure after `sync` of their file, names (created,
 * renamed, removed) after `syncDirectory` of their directory; before that any part of them may be
 * there, in any order. A method throws a DiskError; after a failed sync nothing is known about the
 * bytes written before it, and trying again proves nothing.
 *
 * Paths are absolute or relative to the process, with `/`.
 */

/** Why a disk refused: `code` is the system's (`ENOSPC`, `EIO`, `ENOENT`, `EACCES` …). */
export interface DiskError extends Error {
  readonly code: string
}

export const isDiskError = (error: unknown): error is DiskError =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'

/** `read`: must be there. `create`: is emptied if it is there. `update`: must be there. */
export type OpenMode = 'read' | 'create' | 'update'

export interface DiskFile {
  readonly path: string
  /** Length of the file in bytes, now. */
  size(): number
  /** Reads up to `into.length` bytes from `position`; fewer only at the end of the file. */
  read(into: Uint8Array, position: number): number
  /** Writes all bytes of all chunks from `position` on, or throws having written some of them. */
  write(chunks: readonly Uint8Array[], position: number): void
  truncate(bytes: number): void
  /** Bytes and length are on the disk when it returns. */
  sync(): void
  /** The same off this thread, for files that the engine's thread writes. One at a time. */
  writeAsync(chunks: readonly Uint8Array[], position: number): Promise<void>
  syncAsync(): Promise<void>
  close(): void
}

export interface Disk {
  /** Makes the directory and its parents, and syncs what it made; content that is there stays. */
  makeDirectory(path: string): void
  /** Names in a directory, sorted; empty when there is no directory. */
  list(path: string): string[]
  open(path: string, mode: OpenMode): DiskFile
  /** Replaces `to` in one step. */
  rename(from: string, to: string): void
  /** A file; nothing happens when it is not there. */
  remove(path: string): void
  syncDirectory(path: string): void
  syncDirectoryAsync(path: string): Promise<void>
}
