/** Builders for tests of the keyspace. */
import type { ByteStrings } from '../key.ts'
import { Keyspace, KeyspaceHost, NO_EXPIRY, NONE } from '../keyspace.ts'
import { MemoryAccount } from '../memory-account.ts'
import { bytesOf, setBytes } from '../strings.ts'

/** A random source that repeats itself: xorshift32. */
export function randomOf(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

export function newHost(seed = 1): KeyspaceHost {
  const random = randomOf(seed)
  return new KeyspaceHost({ seed: [random() | 0, random() | 0], random })
}

/** Strings of one character per byte, in one buffer. */
export function stringsOf(...texts: readonly string[]): ByteStrings {
  const ends = texts.map((_, index) => texts.slice(0, index + 1).join('').length)
  return {
    buffer: Buffer.from(texts.join(''), 'latin1'),
    start: (index) => ends[index] - texts[index].length,
    end: (index) => ends[index],
  }
}

/** A keyspace driven with JavaScript strings. */
export class KeyspaceDriver {
  readonly host: KeyspaceHost
  readonly account = new MemoryAccount()
  readonly db: Keyspace

  constructor(host: KeyspaceHost = newHost()) {
    this.host = host
    this.db = new Keyspace(host, this.account)
  }

  set(key: string, value: string, expiresAtMs: number = NO_EXPIRY, nowMs = 0): void {
    const strings = stringsOf(key, value)
    const taken = this.db.key(strings, 0)
    const entry = this.db.lookupWrite(taken, nowMs)
    setBytes(this.db, taken, entry, strings.buffer, strings.start(1), strings.end(1), expiresAtMs)
  }

  get(key: string, nowMs = 0): string | undefined {
    const entry = this.db.lookupRead(this.db.key(stringsOf(key), 0), nowMs)
    if (entry === NONE) return undefined
    const value = bytesOf(this.db, entry, this.host.value)
    return value.buffer.toString('latin1', value.start, value.end)
  }

  remove(key: string, nowMs = 0): boolean {
    const taken = this.db.key(stringsOf(key), 0)
    const entry = this.db.lookupWrite(taken, nowMs)
    if (entry !== NONE) this.db.remove(taken, entry)
    return entry !== NONE
  }

  expireAt(key: string, expiresAtMs: number, nowMs = 0): boolean {
    const taken = this.db.key(stringsOf(key), 0)
    const entry = this.db.lookupWrite(taken, nowMs)
    if (entry !== NONE) this.db.setExpiry(taken, entry, expiresAtMs)
    return entry !== NONE
  }

  persist(key: string, nowMs = 0): boolean {
    const entry = this.db.lookupWrite(this.db.key(stringsOf(key), 0), nowMs)
    return entry !== NONE && this.db.clearExpiry(entry)
  }

  keyOf(entry: number): string {
    const start = this.db.entries.keyStart(entry)
    const end = start + this.db.entries.keyBytes(entry)
    return this.db.entries.bytesOf(entry).toString('latin1', start, end)
  }

  /** One step of a scan: the keys and the rank to go on from. */
  scan(rank: number, count: number): readonly [keys: string[], next: number] {
    const found: number[] = []
    const next = this.db.scan(rank, count, found)
    return [found.map((entry) => this.keyOf(entry)), next]
  }

  allKeys(): string[] {
    return this.scan(0, Number.POSITIVE_INFINITY)[0]
  }
}
