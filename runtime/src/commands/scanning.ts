/** Commands about all keys of a database at once. */
import { Glob } from '../engine/glob.ts'
import type { Keyspace } from '../engine/keyspace.ts'
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { CommandContext, CommandSpec } from './command.ts'
import { NOT_AN_INTEGER, SYNTAX_ERROR } from './dispatch.ts'
import { typeNames, writeKey } from './keys.ts'

const generic = { keys: undefined, group: 'generic' } as const
const server = { keys: undefined, group: 'server' } as const
const readsFast = ['readonly', 'fast'] as const

export const scanningCommands = [
  { ...generic, name: 'scan', arity: -2, flags: ['readonly'], since: '2.8.0', run: scan },
  { ...generic, name: 'keys', arity: 2, flags: ['readonly'], since: '1.0.0', run: keys },
  { ...server, name: 'dbsize', arity: 1, flags: readsFast, since: '1.0.0', run: dbsize },
  { ...server, name: 'flushdb', arity: -1, flags: ['write'], since: '1.0.0', run: flushdb },
  { ...server, name: 'flushall', arity: -1, flags: ['write'], since: '1.0.0', run: flushall },
] as const satisfies readonly CommandSpec[]

const INVALID_CURSOR = 'ERR invalid cursor'
const UINT64_END = 2n ** 64n
const COUNT_DEFAULT = 10
/** Longer ones are no numbers of 64 bits, whatever zeros they begin with. */
const CURSOR_BYTES_MAX = 64

interface ScanOptions {
  count: number
  pattern: Glob | undefined
  /** Only values of this kind; -1, of no kind, when the name is no type's. */
  kind: number | undefined
}

/**
 * SCAN cursor [MATCH pattern] [COUNT n] [TYPE name] → the next cursor and some keys.
 * https://redis.io/commands/scan
 */
function scan({ db, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  const cursor = args.bytes(1) > CURSOR_BYTES_MAX ? undefined : parseCursor(args.text(1))
  if (cursor === undefined) return reply.error(INVALID_CURSOR)
  const options = parseScanOptions(args, 2)
  if (typeof options === 'string') return reply.error(options)
  const found: number[] = []
  const rank = db.scan(db.host.cursor.decode(cursor), options.count, found)
  const shown = found.filter((entry) => isWanted(db, entry, options, nowMs))
  reply.array(2)
  reply.bulkInteger(db.host.cursor.encode(rank))
  writeKeys(db, shown, reply)
}

/** As strtoul reads it: signs and an empty text pass; a negative number is a huge one. */
function parseCursor(text: string): number | undefined {
  if (!/^([+-]?\d+)?$/.test(text)) return undefined
  const value = BigInt(text.replace('+', '') || '0')
  if (value >= UINT64_END || value <= -UINT64_END) return undefined
  return Number(value < 0n ? value + UINT64_END : value)
}

/** The options from argument `first` on, or the error. */
function parseScanOptions(args: Args, first: number): ScanOptions | string {
  const options: ScanOptions = { count: COUNT_DEFAULT, pattern: undefined, kind: undefined }
  for (let index = first; index < args.count; index += 2) {
    const value = index + 1
    if (value >= args.count) return SYNTAX_ERROR
    if (args.is(index, 'count')) {
      options.count = args.integer(value)
      if (Number.isNaN(options.count)) return NOT_AN_INTEGER
      if (options.count < 1) return SYNTAX_ERROR
    } else if (args.is(index, 'match')) options.pattern = globOf(args, value)
    else if (args.is(index, 'type')) options.kind = kindOf(args, value)
    else return SYNTAX_ERROR
  }
  return options
}

const kindOf = (args: Args, index: number): number =>
  typeNames.findIndex((name) => args.is(index, name))

const globOf = (args: Args, index: number): Glob =>
  new Glob(args.buffer, args.start(index), args.end(index))

function isWanted(db: Keyspace, entry: number, options: ScanOptions, nowMs: number): boolean {
  if (options.pattern !== undefined && !matches(db, entry, options.pattern)) return false
  if (options.kind !== undefined && options.kind !== db.entries.kind(entry)) return false
  return !db.removeIfExpired(entry, nowMs)
}

function matches(db: Keyspace, entry: number, pattern: Glob): boolean {
  const start = db.entries.keyStart(entry)
  return pattern.matches(db.entries.bytesOf(entry), start, start + db.entries.keyBytes(entry))
}

/** KEYS pattern → all keys that match. https://redis.io/commands/keys */
function keys({ db, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  const pattern = globOf(args, 1)
  const found: number[] = []
  db.scan(0, db.size, found)
  const shown = found.filter((entry) => matches(db, entry, pattern) && !db.isExpired(entry, nowMs))
  writeKeys(db, shown, reply)
}

function writeKeys(db: Keyspace, entries: readonly number[], reply: ReplyWriter): void {
  reply.array(entries.length)
  for (const entry of entries) writeKey(db, entry, reply)
}

/** DBSIZE → how many keys there are. https://redis.io/commands/dbsize */
function dbsize({ db }: CommandContext, _args: Args, reply: ReplyWriter): void {
  reply.integer(db.size)
}

/** FLUSHDB [ASYNC | SYNC] → OK. Both empty it at once and free in slices. https://redis.io/commands/flushdb */
function flushdb({ db, effects }: CommandContext, args: Args, reply: ReplyWriter): void {
  if (!isFlush(args)) return reply.error(SYNTAX_ERROR)
  if (db.size > 0) effects.asGiven(args, db.size)
  db.clear()
  reply.ok()
}

/** FLUSHALL [ASYNC | SYNC] → OK: all databases of the tenant. https://redis.io/commands/flushall */
function flushall({ tenant, effects }: CommandContext, args: Args, reply: ReplyWriter): void {
  if (!isFlush(args)) return reply.error(SYNTAX_ERROR)
  const { keyCount } = tenant
  if (keyCount > 0) effects.asGiven(args, keyCount)
  for (const [, database] of tenant.databases()) database.clear()
  reply.ok()
}

const isFlush = (args: Args): boolean =>
  args.count === 1 || (args.count === 2 && (args.is(1, 'async') || args.is(1, 'sync')))
