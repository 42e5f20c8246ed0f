/**
 * What a snapshot costs: bytes per second out and in, and the longest slice.
 *
 *   node runtime/bench/snapshot.ts [keys, default 1000000]
 *
 * Keys of 16 bytes, values of 32. All times are processor time of the thread. Prints; judges nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Keyspace, NO_EXPIRY } from '../src/engine/keyspace.ts'
import { MemoryAccount } from '../src/engine/memory-account.ts'
import { setBytes } from '../src/engine/strings.ts'
import { newHost, randomOf, stringsOf } from '../src/engine/testing/keyspaces.ts'
import { NodeDisk } from '../src/persistence/node-disk.ts'
import { Crc64 } from '../src/persistence/rdb/crc64.ts'
import { loadSnapshot } from '../src/persistence/snapshot/load-snapshot.ts'
import type { Slices } from '../src/persistence/snapshot/slices.ts'
import { startSnapshot } from '../src/persistence/snapshot/snapshot.ts'

const KEYS = Number(process.argv[2] ?? 1_000_000)
const SLICE_MS = 2
const random = randomOf(7)

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

const show = (what: string, value: string): void => console.log(`${what.padEnd(44)} ${value}`)

function setKey(db: Keyspace, index: number, value: string): void {
  const strings = stringsOf(`key:${String(index).padStart(12, '0')}`, value)
  const key = db.key(strings, 0)
  const entry = db.lookupWrite(key, 0)
  setBytes(db, key, entry, strings.buffer, strings.start(1), strings.end(1), NO_EXPIRY)
}

/** Slices that note how long each was; `meanwhile` runs in the pauses. */
class MeasuredSlices implements Slices {
  readonly lengthsMs: number[] = []
  readonly #meanwhile: () => void
  #startMs = 0

  constructor(meanwhile: () => void = () => {}) {
    this.#meanwhile = meanwhile
  }

  begin(): void {
    this.#startMs = cpuMs()
  }

  isOver(): boolean {
    return cpuMs() - this.#startMs >= SLICE_MS
  }

  async pause(): Promise<void> {
    this.lengthsMs.push(cpuMs() - this.#startMs)
    this.#meanwhile()
    await new Promise((resolve) => setImmediate(resolve))
  }

  report(): string {
    const sorted = this.lengthsMs.toSorted((a, b) => a - b)
    const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(2)
    return `${sorted.length} slices, ms: p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}`
  }
}

function rate(bytes: number, startMs: number): string {
  const seconds = (cpuMs() - startMs) / 1000
  return `${seconds.toFixed(2)} s, ${(bytes / 1e6 / seconds).toFixed(0)} MB/s`
}

const directory = mkdtempSync(join(tmpdir(), 'miniredis-bench-'))
const disk = new NodeDisk()
const path = join(directory, 'dump.rdb')
const db = new Keyspace(newHost(), new MemoryAccount())
for (let index = 0; index < KEYS; index++) setKey(db, index, 'v'.repeat(32))

const block = Buffer.alloc(1 << 20, 'x')
const crcStart = cpuMs()
for (let round = 0; round < 200; round++) new Crc64().update(block)
show('CRC-64', rate(200 * block.length, crcStart))

for (const writes of [0, 200]) {
  const meanwhile = () => {
    for (let count = 0; count < writes; count++) setKey(db, random() % KEYS, 'w'.repeat(32))
  }
  const slices = new MeasuredSlices(meanwhile)
  const start = cpuMs()
  const databases = [[0, db]] as const
  const { bytes } = await startSnapshot({ disk, path, databases, aux: {} }).run(slices)
  show(`write, ${writes} SETs between slices`, rate(bytes, start))
  show('', slices.report())
}

const slices = new MeasuredSlices()
const loaded = new Keyspace(newHost(2), new MemoryAccount())
const start = cpuMs()
const { bytes, keys } = await loadSnapshot({ disk, path, database: () => loaded, slices })
show(`load of ${keys} keys`, rate(bytes, start))
show('', slices.report())
rmSync(directory, { recursive: true })
