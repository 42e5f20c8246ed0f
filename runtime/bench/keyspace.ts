/**
 * What the keyspace costs: nanoseconds per look-up and set, bytes per key, longest pauses.
 *
 *   node runtime/bench/keyspace.ts [keys in millions for the pause run, default 3]
 *
 * Keys of 16 bytes, values of 32. All times are processor time of the thread. Prints a table; judges
 * nothing. Takes well under a minute.
 */
import { Keyspace, KeyspaceHost, NO_EXPIRY, NONE } from '../src/engine/keyspace.ts'
import { MemoryAccount } from '../src/engine/memory-account.ts'
import { bytesOf, setBytes } from '../src/engine/strings.ts'

const KEY_BYTES = 16
const VALUE_BYTES = 32
const MILLION = 1_000_000
const pauseKeys = Number(process.argv[2] ?? 3) * MILLION

let state = 0x2545f491
function random(): number {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return state >>> 0
}

/** One key and one value in one buffer, as a command's arguments are. */
class Arguments {
  readonly buffer = Buffer.alloc(KEY_BYTES + VALUE_BYTES, 'v')
  start(index: number): number {
    return index === 0 ? 0 : KEY_BYTES
  }
  end(index: number): number {
    return index === 0 ? KEY_BYTES : KEY_BYTES + VALUE_BYTES
  }
  number(value: number): this {
    let rest = value
    for (let at = KEY_BYTES - 1; at >= 0; at--) {
      this.buffer[at] = 0x30 + (rest % 10)
      rest = Math.floor(rest / 10)
    }
    return this
  }
}

const args = new Arguments()

function set(db: Keyspace, number: number, expiresAtMs: number = NO_EXPIRY): void {
  args.number(number)
  const key = db.key(args, 0)
  const entry = db.lookupWrite(key, 0)
  setBytes(db, key, entry, args.buffer, args.start(1), args.end(1), expiresAtMs)
}

function get(db: Keyspace, number: number): number {
  args.number(number)
  const entry = db.lookupRead(db.key(args, 0), 0)
  return entry === NONE ? 0 : bytesOf(db, entry, db.host.value).length
}

/** Processor time of this thread in nanoseconds: what else the machine does is left out. */
function now(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) * 1000
}

function report(title: string, value: number, unit: string): void {
  console.log(`${title.padEnd(58)} ${value.toFixed(1).padStart(10)} ${unit}`)
}

function time(title: string, count: number, body: (index: number) => void): void {
  const before = now()
  for (let index = 0; index < count; index++) body(index)
  report(title, (now() - before) / count, 'ns')
}

/** Runs `body` in groups of `group` and reports the longest group. */
function longest(title: string, count: number, group: number, body: (index: number) => void): void {
  let worst = 0
  for (let index = 0; index < count; ) {
    const before = now()
    for (let rest = group; rest > 0 && index < count; rest--) body(index++)
    worst = Math.max(worst, now() - before)
  }
  report(`${title}, longest ${group}`, worst / 1e6, 'ms')
}

function newKeyspace(): Keyspace {
  const host = new KeyspaceHost({ seed: [random() | 0, random() | 0], random })
  return new Keyspace(host, new MemoryAccount())
}

function speedAndSize(): void {
  const db = newKeyspace()
  time('set, new key, while growing to 1 M', MILLION, (index) => set(db, index))
  report('bytes per key at 1 M, booked', db.account.usedBytes / MILLION, 'B')
  report('bytes per key at 1 M, chunks reserved', db.host.arena.reservedBytes / MILLION, 'B')
  time('get, key there, random of 1 M', 2 * MILLION, () => get(db, random() % MILLION))
  time('get, key missing', 2 * MILLION, () => get(db, MILLION + (random() % MILLION)))
  time('set, same length, random of 1 M', 2 * MILLION, () => set(db, random() % MILLION))
  time('get, key there, of 1,000', 2 * MILLION, () => get(db, random() % 1000))
  time('build a key for the loops above', 2 * MILLION, () => args.number(random() % MILLION))
  time('delete', MILLION, (index) => {
    const key = db.key(args.number(index), 0)
    db.remove(key, db.lookupWrite(key, 0))
  })
  report('bytes booked when all is deleted', db.account.usedBytes, 'B')
}

function bytesOverSizes(): void {
  const db = newKeyspace()
  let worst = 0
  let sum = 0
  let samples = 0
  for (let index = 0; index < 2 * MILLION; index++) {
    set(db, index)
    if (index < MILLION || index % 10_000 !== 0) continue
    const perKey = db.account.usedBytes / (index + 1)
    worst = Math.max(worst, perKey)
    sum += perKey
    samples++
  }
  report('bytes per key from 1 M to 2 M, mean', sum / samples, 'B')
  report('bytes per key from 1 M to 2 M, worst', worst, 'B')
}

function pauses(): void {
  const db = newKeyspace()
  const before = process.memoryUsage().rss
  longest(`set, growing to ${pauseKeys} keys`, pauseKeys, 100, (index) => set(db, index))
  report('resident bytes per key', (process.memoryUsage().rss - before) / pauseKeys, 'B')
  longest('expiry, set on every key', pauseKeys, 100, (index) => {
    const key = db.key(args.number(index), 0)
    db.setExpiry(key, db.lookupWrite(key, 0), 1000 + (index % 1_000_000))
  })
  longest('expiry cycle, 1,000 keys a step', 3000, 1, () => db.expireSome(500_000, 1000))
  report('keys that are left', db.size, '')
  longest('flush', 1, 1, () => db.clear())
  longest('reclaim, 1,000 keys a step', pauseKeys / 1000 + 1, 1, () => db.host.reclaimSome(1000))
  report('bytes left in the arena', db.host.arena.usedBytes, 'B')
}

function empties(): void {
  const host = new KeyspaceHost({ seed: [1, 2], random })
  const before = process.memoryUsage().heapUsed
  const all: Keyspace[] = []
  for (let index = 0; index < 10_000; index++) all.push(new Keyspace(host, new MemoryAccount()))
  report('empty keyspace, heap', (process.memoryUsage().heapUsed - before) / all.length, 'B')
}

empties()
speedAndSize()
bytesOverSizes()
pauses()
