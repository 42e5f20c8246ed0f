/** Puts together what keeps the data of a process: disk, log with its thread, snapshots. */
import type { StorageReport } from '@miniredis/crds'
import type { Storage, StorageParts } from '../server/engine-server.ts'
import type { Log } from './log/log.ts'
import { openLog } from './log/open-log.ts'
import { startWriterThread } from './log/writer-thread.ts'
import { NodeDisk } from './node-disk.ts'
import { ShardStore, type StoreClock, type StoreLogger, type StoreSettings } from './shard-store.ts'
import { DirectoryShelf, SingleFileShelf } from './snapshot-shelf.ts'

/** Beside the standalone server's dump file. */
const STANDALONE_LOG = 'miniredis-log'

export interface StoreOptions {
  readonly directory: string
  /** The file of the log's worker thread. */
  readonly logProgram: string
  readonly clock: StoreClock
  readonly logger: StoreLogger
}

/** A member's volume: `log/`, `snapshots/`, many shards. */
export const memberStorage =
  (options: StoreOptions, report: (report: StorageReport) => void) =>
  ({ replay }: StorageParts): Storage => {
    const { directory } = options
    const disk = new NodeDisk()
    return new ShardStore({
      ...options,
      disk,
      replay,
      report,
      shelf: new DirectoryShelf(disk, `${directory}/snapshots`),
      log: logIn(`${directory}/log`, options, disk),
      settings: undefined,
      savesAllOnClose: false,
    })
  }

export interface StandaloneStore {
  /** File name of the snapshot. */
  readonly fileName: string
  readonly wantsLog: boolean
  readonly settings: StoreSettings
}

/** The directory of a server that runs alone: one dump file, and a log if it is wanted. */
export const standaloneStorage =
  (options: StoreOptions, { fileName, wantsLog, settings }: StandaloneStore) =>
  ({ replay }: StorageParts): Storage => {
    const { directory } = options
    const disk = new NodeDisk()
    const logDirectory = `${directory}/${STANDALONE_LOG}`
    // A log that is there holds what no snapshot has: it is read, wanted or not.
    const hasLog = wantsLog || disk.list(logDirectory).length > 0
    return new ShardStore({
      ...options,
      disk,
      replay,
      settings,
      report: () => undefined,
      shelf: new SingleFileShelf(disk, directory, fileName),
      log: hasLog ? logIn(logDirectory, options, disk) : undefined,
      savesAllOnClose: true,
    })
  }

function logIn(directory: string, { logProgram, clock }: StoreOptions, disk: NodeDisk): Log {
  return openLog({
    disk,
    directory,
    writer: startWriterThread(logProgram),
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
  })
}
