/** One life of a log over a disk in memory, its writer in this thread, its time moved by hand. */
import type { Disk } from '../disk.ts'
import type { Log, LogPosition, RecoveryReport } from '../log/log.ts'
import { LogWriter } from '../log/log-writer.ts'
import { openLog } from '../log/open-log.ts'
import type { FromWriter, WriterChannel, WriterConfiguration } from '../log/writer-messages.ts'
import type { Random } from './faulty-disk.ts'

export const LOG_DIRECTORY = 'data/log'

/** What a shard was told, in order: the model that recovery is held against. */
export type Told = Map<string, string[]>

export class LogRun {
  readonly log: Log
  readonly writer: LogWriter
  /** Texts of recovered records by shard key. */
  readonly recovered: Told = new Map()
  nowMs: number
  #heard: (message: FromWriter) => void = () => undefined

  constructor(disk: Disk, random: Random, limits: Partial<WriterConfiguration> = {}, nowMs = 1) {
    this.nowMs = nowMs
    this.writer = new LogWriter({
      disk,
      nowMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      random: (bytes) => Buffer.from(Array.from({ length: bytes }, () => random(256))),
      post: (message) => this.#heard(message),
    })
    const channel: WriterChannel = {
      post: (message) => this.writer.handle(message),
      onMessage: (listener) => {
        this.#heard = listener
      },
      onFailure: () => undefined,
      close: async () => undefined,
    }
    this.log = openLog({
      disk,
      directory: LOG_DIRECTORY,
      writer: channel,
      nowMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      limits: { reserveBytes: 0, ...limits },
    })
  }

  recover(snapshots: ReadonlyMap<string, LogPosition> = new Map()): Promise<RecoveryReport> {
    return this.log.recover({
      snapshots,
      apply: ({ shardKey, buffer, start, end }) => {
        const texts = this.recovered.get(shardKey) ?? []
        texts.push(buffer.toString('latin1', start, end))
        this.recovered.set(shardKey, texts)
      },
      restart: (key) => this.recovered.delete(key),
    })
  }

  /** Lets time pass: what is due is synced, tried again, erased. */
  pass(ms: number): void {
    this.nowMs += ms
    this.writer.tick()
    while (this.writer.work()) {}
  }
}
