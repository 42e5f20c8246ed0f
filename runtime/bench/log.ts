/**
 * The log on a real disk: records per second and time from append to durable, fsync always.
 *
 * `node runtime/bench/log.ts [directory] [seconds]`. Each tenant has one client that appends its
 * next record when the last one is durable, as a connection does. Beside it: the same record, one at
 * a time, with a bare write and fdatasync, which is what the disk itself takes.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Log, LogShard } from '../src/persistence/log/log.ts'
import { openLog } from '../src/persistence/log/open-log.ts'
import { startWriterThread } from '../src/persistence/log/writer-thread.ts'
import { NodeDisk } from '../src/persistence/node-disk.ts'

const TENANTS = [1, 100, 1000] as const
const PAYLOAD = Buffer.from('*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000042\r\n$32\r\n'.padEnd(80, 'v'))
const EVERYSEC_RECORDS = 2_000_000
const MICROS = 1000

const program = new URL('../src/log-worker-main.ts', import.meta.url)

const open = (directory: string): Log =>
  openLog({
    disk: new NodeDisk(),
    directory,
    writer: startWriterThread(program),
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
  })

const opened = async (directory: string): Promise<Log> => {
  const log = open(directory)
  await log.recover({ snapshots: new Map(), apply: () => undefined, restart: () => undefined })
  return log
}

function percentile(sorted: Float64Array, share: number): string {
  const micros = sorted[Math.floor((sorted.length - 1) * share)] * MICROS
  return `${Math.round(micros)} µs`
}

function report(title: string, times: readonly number[], seconds: number): void {
  const sorted = Float64Array.from(times).sort()
  const perSecond = Math.round(times.length / seconds)
  console.log(
    `${title.padEnd(34)} ${String(perSecond).padStart(8)} records/s   ` +
      `p50 ${percentile(sorted, 0.5)}  p99 ${percentile(sorted, 0.99)}`,
  )
}

function bareDisk(directory: string, seconds: number): void {
  const file = openSync(join(directory, 'bare'), 'w')
  const times: number[] = []
  const endMs = performance.now() + seconds * 1000
  for (let startMs = performance.now(); startMs < endMs; ) {
    writeSync(file, PAYLOAD)
    fdatasyncSync(file)
    const nowMs = performance.now()
    times.push(nowMs - startMs)
    startMs = nowMs
  }
  closeSync(file)
  report('bare write and fdatasync', times, seconds)
}

async function always(directory: string, tenants: number, seconds: number): Promise<void> {
  const log = await opened(directory)
  const times: number[] = []
  const endMs = performance.now() + seconds * 1000
  const done = Promise.withResolvers<void>()
  /** In the order of their sequences. */
  const waiting: { shard: LogShard; sequence: number; startMs: number }[] = []
  const next = (shard: LogShard): void => {
    const startMs = performance.now()
    const sequence = log.append(shard, 0, 0, PAYLOAD, 0, PAYLOAD.length)
    waiting.push({ shard, sequence, startMs })
  }
  log.onChange(() => {
    const nowMs = performance.now()
    const count = waiting.findIndex(({ sequence }) => sequence > log.syncedSequence)
    for (const { shard, startMs } of waiting.splice(0, count === -1 ? waiting.length : count)) {
      times.push(nowMs - startMs)
      if (nowMs < endMs) next(shard)
    }
    log.flush()
    if (waiting.length === 0) done.resolve()
  })
  for (let tenant = 0; tenant < tenants; tenant++) {
    const shard = log.shard(`tenant ${tenant}`, 0)
    log.begin(shard, 1)
    shard.fsync = 'always'
    next(shard)
  }
  await done.promise
  report(`always, ${tenants} tenants`, times, seconds)
  await log.close()
}

/** What a record costs the engine's thread, and the whole process, when nobody waits. */
async function everySecond(directory: string): Promise<void> {
  const log = await opened(directory)
  const shard = log.shard('tenant', 0)
  log.begin(shard, 1)
  const before = process.cpuUsage()
  let appendMs = 0
  for (let done = 0; done < EVERYSEC_RECORDS; ) {
    const startMs = performance.now()
    for (let turn = 0; turn < 500; turn++, done++)
      log.append(shard, 0, 0, PAYLOAD, 0, PAYLOAD.length)
    appendMs += performance.now() - startMs
    while (log.isCongested) await new Promise(setImmediate)
    await new Promise(setImmediate)
  }
  await log.close()
  const { user, system } = process.cpuUsage(before)
  const nanos = Math.round((appendMs * 1e6) / EVERYSEC_RECORDS)
  const cpu = ((user + system) / EVERYSEC_RECORDS).toFixed(2)
  console.log(`everysec: append ${nanos} ns, CPU of all threads ${cpu} µs per record`)
}

async function recovery(directory: string): Promise<void> {
  const log = open(directory)
  const startMs = performance.now()
  const none = () => undefined
  const { bytes, records } = await log.recover({ snapshots: new Map(), apply: none, restart: none })
  const seconds = (performance.now() - startMs) / 1000
  const perGigabyte = ((seconds / bytes) * 1e9).toFixed(1)
  console.log(`recovery without applying: ${records} records, ${perGigabyte} s per GB of log`)
  await log.close()
}

const [parent = tmpdir(), seconds = '5'] = process.argv.slice(2)
const directory = mkdtempSync(join(parent, 'bench-log-'))
try {
  bareDisk(directory, Number(seconds))
  for (const tenants of TENANTS) {
    await always(join(directory, String(tenants)), tenants, Number(seconds))
  }
  await everySecond(join(directory, 'everysec'))
  await recovery(join(directory, 'everysec'))
} finally {
  rmSync(directory, { recursive: true, force: true })
}
