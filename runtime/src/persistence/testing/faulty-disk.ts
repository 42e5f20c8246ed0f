/**
 * A disk in memory that is as treacherous as a real one may be.
 *
 * What was not synced may be gone after a power loss, or be there in part: writes are torn at
 * sectors and survive in any combination; names that were made, renamed or removed without a sync of
 * their directory likewise. A sync that fails drops what it should have kept, yet reads still show
 * it, as Linux does. Space may run out, and any operation may be told to fail.
 */
import type { Disk, DiskFile, OpenMode } from '../disk.ts'

/** Random integers from 0 to `below` - 1. */
export type Random = (below: number) => number

const SECTOR_BYTES = 512

class FaultyDiskError extends Error {
  readonly code: string

  constructor(code: string, path: string) {
    super(`${code}: simulated, '${path}'`)
    this.code = code
  }
}

type Change = { readonly at: number; readonly bytes: Buffer } | { readonly truncate: number }

class Inode {
  /** What reads see. */
  content: Buffer = Buffer.alloc(0)
  /** What is on the disk for sure. */
  durable: Buffer = Buffer.alloc(0)
  unsynced: Change[] = []

  change(change: Change): void {
    this.content = applied(this.content, change)
    this.unsynced.push(change)
  }
}

type NameChange =
  | { readonly kind: 'link'; readonly path: string; readonly inode: Inode }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly inode: Inode }
  | { readonly kind: 'unlink'; readonly path: string }

export type Operation = 'read' | 'write' | 'sync' | 'truncate' | 'open' | 'name' | 'syncDirectory'

export interface Fault {
  readonly operation: Operation
  readonly code: string
  /** Only for paths that contain it. */
  readonly path?: string
  /** How many such operations go well before; then it happens once. */
  readonly after?: number
}

export class FaultyDisk implements Disk {
  /** Called in the midst of every operation that changes something: the power may fail there. */
  observer: (() => void) | undefined
  /** Bytes that all files together may have. */
  capacityBytes = Number.POSITIVE_INFINITY
  readonly #random: Random
  readonly #names = new Map<string, Inode>()
  readonly #durableNames = new Map<string, Inode>()
  #unsyncedNames: NameChange[] = []
  #faults: { fault: Fault; left: number }[] = []

  constructor(random: Random) {
    this.#random = random
  }

  /** The disk after the power has come back, with what chance has left of unsynced bytes and names. */
  afterPowerLoss(): FaultyDisk {
    const disk = new FaultyDisk(this.#random)
    // Often nothing or everything of it survives: those are the cases that a program meets most.
    const luck = this.#random(4)
    const survives = () => luck === 1 || (luck > 1 && this.#random(2) === 1)
    const names = new Map(this.#durableNames)
    for (const change of this.#unsyncedNames) if (survives()) rename(names, change)
    for (const [path, inode] of names) disk.put(path, this.#survivor(inode, survives))
    return disk
  }

  #survivor({ durable, unsynced }: Inode, survives: () => boolean): Buffer {
    let content = durable
    for (const change of unsynced) {
      if ('truncate' in change) {
        if (survives()) content = applied(content, change)
        continue
      }
      for (const sector of sectors(change)) if (survives()) content = applied(content, sector)
    }
    return content
  }

  /** The next operation of this kind fails. */
  fail(fault: Fault): void {
    this.#faults.push({ fault, left: fault.after ?? 0 })
  }

  /** The bytes of a file as they are read now. */
  get(path: string): Buffer {
    return Buffer.from(this.#require(path).content)
  }

  /** Makes a file as if it had always been there. The bytes must not be changed afterwards. */
  put(path: string, bytes: Buffer): void {
    const inode = new Inode()
    inode.content = bytes
    inode.durable = bytes
    this.#names.set(path, inode)
    this.#durableNames.set(path, inode)
  }

  paths(): string[] {
    return [...this.#names.keys()].sort()
  }

  usedBytes(): number {
    let bytes = 0
    for (const { content } of this.#names.values()) bytes += content.length
    return bytes
  }

  makeDirectory(): void {}

  list(path: string): string[] {
    const prefix = `${path}/`
    return this.paths()
      .filter((name) => name.startsWith(prefix) && !name.includes('/', prefix.length))
      .map((name) => name.slice(prefix.length))
  }

  open(path: string, mode: OpenMode): DiskFile {
    if (mode === 'create') {
      this.#before('open', path)
      if (this.usedBytes() >= this.capacityBytes) throw new FaultyDiskError('ENOSPC', path)
      const known = this.#names.get(path)
      if (known === undefined) this.#rename({ kind: 'link', path, inode: new Inode() })
      else known.change({ truncate: 0 })
    }
    return new FaultyFile(this, path, this.#require(path))
  }

  rename(from: string, to: string): void {
    this.#before('name', from)
    this.#rename({ kind: 'rename', from, to, inode: this.#require(from) })
  }

  remove(path: string): void {
    if (!this.#names.has(path)) return
    this.#before('name', path)
    this.#rename({ kind: 'unlink', path })
  }

  syncDirectory(path: string): void {
    this.#before('syncDirectory', path)
    for (const change of this.#unsyncedNames) rename(this.#durableNames, change)
    this.#unsyncedNames = []
  }

  async syncDirectoryAsync(path: string): Promise<void> {
    this.syncDirectory(path)
  }

  /** For files of this disk. */
  read(inode: Inode, path: string, into: Uint8Array, position: number): number {
    this.#throwFault('read', path)
    return inode.content.copy(into, 0, position, position + into.length)
  }

  write(inode: Inode, path: string, bytes: Buffer, position: number): void {
    if (this.observer !== undefined) {
      inode.change({ at: position, bytes: bytes.subarray(0, this.#random(bytes.length)) })
    }
    this.#before('write', path)
    const grows = Math.max(0, position + bytes.length - inode.content.length)
    const room = Math.max(0, this.capacityBytes - this.usedBytes())
    if (grows <= room) {
      inode.change({ at: position, bytes })
      return
    }
    inode.change({ at: position, bytes: bytes.subarray(0, bytes.length - grows + room) })
    throw new FaultyDiskError('ENOSPC', path)
  }

  truncate(inode: Inode, path: string, bytes: number): void {
    this.#before('truncate', path)
    inode.change({ truncate: bytes })
  }

  sync(inode: Inode, path: string): void {
    try {
      this.#before('sync', path)
    } catch (error) {
      // The system takes the pages for clean now, though they are nowhere.
      if (error instanceof FaultyDiskError) inode.unsynced = []
      throw error
    }
    // What an earlier failed sync dropped stays lost, whatever reads show.
    inode.durable = inode.unsynced.reduce(applied, inode.durable)
    inode.unsynced = []
  }

  #before(operation: Operation, path: string): void {
    this.observer?.()
    this.#throwFault(operation, path)
  }

  #throwFault(operation: Operation, path: string): void {
    for (const entry of this.#faults) {
      const { fault } = entry
      if (fault.operation !== operation || !path.includes(fault.path ?? '')) continue
      if (entry.left-- > 0) continue
      this.#faults = this.#faults.filter((other) => other !== entry)
      throw new FaultyDiskError(fault.code, path)
    }
  }

  #rename(change: NameChange): void {
    rename(this.#names, change)
    this.#unsyncedNames.push(change)
  }

  #require(path: string): Inode {
    const inode = this.#names.get(path)
    if (inode === undefined) throw new FaultyDiskError('ENOENT', path)
    return inode
  }
}

class FaultyFile implements DiskFile {
  readonly path: string
  readonly #disk: FaultyDisk
  readonly #inode: Inode

  constructor(disk: FaultyDisk, path: string, inode: Inode) {
    this.#disk = disk
    this.path = path
    this.#inode = inode
  }

  size(): number {
    return this.#inode.content.length
  }

  read(into: Uint8Array, position: number): number {
    return this.#disk.read(this.#inode, this.path, into, position)
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#disk.write(this.#inode, this.path, Buffer.concat(chunks), position)
  }

  truncate(bytes: number): void {
    this.#disk.truncate(this.#inode, this.path, bytes)
  }

  sync(): void {
    this.#disk.sync(this.#inode, this.path)
  }

  async writeAsync(chunks: readonly Uint8Array[], position: number): Promise<void> {
    this.write(chunks, position)
  }

  async syncAsync(): Promise<void> {
    this.sync()
  }

  close(): void {}
}

function rename(names: Map<string, Inode>, change: NameChange): void {
  switch (change.kind) {
    case 'link':
      names.set(change.path, change.inode)
      return
    case 'rename':
      names.delete(change.from)
      names.set(change.to, change.inode)
      return
    case 'unlink':
      names.delete(change.path)
  }
}

function applied(content: Buffer, change: Change): Buffer {
  if ('truncate' in change) {
    const shorter = Buffer.alloc(change.truncate)
    content.copy(shorter)
    return shorter
  }
  const longer = Buffer.alloc(Math.max(content.length, change.at + change.bytes.length))
  content.copy(longer)
  change.bytes.copy(longer, change.at)
  return longer
}

function* sectors(change: { at: number; bytes: Buffer }): Generator<Change> {
  const end = change.at + change.bytes.length
  for (let at = change.at; at < end; ) {
    const sectorEnd = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES)
    yield { at, bytes: change.bytes.subarray(at - change.at, sectorEnd - change.at) }
    at = sectorEnd
  }
}
