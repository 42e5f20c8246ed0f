/** Commands that take a string for a number. */
import {
  addExtended,
  FLOAT_BYTES_MAX,
  formatExtended,
  parseExtended,
  ZERO,
} from '../engine/extended-float.ts'
import type { Key } from '../engine/key.ts'
import { type Keyspace, NO_EXPIRY, NONE } from '../engine/keyspace.ts'
import {
  bytesOf,
  integerOf,
  isInteger,
  setBytes,
  setInteger,
  writeInteger,
} from '../engine/strings.ts'
import type { Args } from '../protocol/args.ts'
import { parseInt64 } from '../protocol/numbers.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { CommandContext, CommandSpec } from './command.ts'
import { NOT_AN_INTEGER } from './dispatch.ts'

const row = {
  group: 'string',
  keys: { first: 1, last: 1, step: 1 },
  flags: ['write', 'denyoom', 'fast'],
} as const

export const counterCommands = [
  { ...row, name: 'incr', arity: 2, since: '1.0.0', run: incr },
  { ...row, name: 'decr', arity: 2, since: '1.0.0', run: decr },
  { ...row, name: 'incrby', arity: 3, since: '1.0.0', run: incrby },
  { ...row, name: 'decrby', arity: 3, since: '1.0.0', run: decrby },
  { ...row, name: 'incrbyfloat', arity: 3, since: '2.6.0', run: incrbyfloat },
] as const satisfies readonly CommandSpec[]

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const OVERFLOW = 'ERR increment or decrement would overflow'
const NO_NEGATION = 'ERR decrement would overflow'
const NOT_A_FLOAT = 'ERR value is not a valid float'
const NOT_FINITE = 'ERR increment would produce NaN or Infinity'

/** INCR key → the new value. https://redis.io/commands/incr */
function incr(context: CommandContext, args: Args, reply: ReplyWriter): void {
  add(context, args, 1, reply)
}

/** DECR key → the new value. https://redis.io/commands/decr */
function decr(context: CommandContext, args: Args, reply: ReplyWriter): void {
  add(context, args, -1, reply)
}

/** INCRBY key increment → the new value. https://redis.io/commands/incrby */
function incrby(context: CommandContext, args: Args, reply: ReplyWriter): void {
  const delta = args.integer(2)
  if (Number.isNaN(delta)) return reply.error(NOT_AN_INTEGER)
  if (Number.isSafeInteger(delta)) add(context, args, delta, reply)
  else addExactly(context, args, args.int64(2) ?? 0n, reply)
}

/** DECRBY key decrement → the new value. https://redis.io/commands/decrby */
function decrby(context: CommandContext, args: Args, reply: ReplyWriter): void {
  const delta = args.integer(2)
  if (Number.isNaN(delta)) return reply.error(NOT_AN_INTEGER)
  if (Number.isSafeInteger(delta)) return add(context, args, -delta, reply)
  const exact = args.int64(2) ?? 0n
  if (exact === INT64_MIN) reply.error(NO_NEGATION)
  else addExactly(context, args, -exact, reply)
}

/** The common case: value, increment and sum are integers that a double holds exactly. */
function add(context: CommandContext, args: Args, delta: number, reply: ReplyWriter): void {
  const { db, nowMs, effects } = context
  const key = db.key(args, 1)
  const entry = db.lookupWrite(key, nowMs)
  if (entry === NONE) {
    setInteger(db, key, NONE, delta, NO_EXPIRY)
    effects.asGiven(args)
    return reply.integer(delta)
  }
  const sum = isInteger(db, entry) ? integerOf(db, entry) + delta : Number.NaN
  if (!Number.isSafeInteger(sum)) return addExactly(context, args, BigInt(delta), reply)
  writeInteger(db, key, entry, sum)
  effects.asGiven(args)
  reply.integer(sum)
}

/** Any 64-bit integer, as slowly as BigInt is. */
function addExactly(
  { db, nowMs, effects }: CommandContext,
  args: Args,
  delta: bigint,
  reply: ReplyWriter,
): void {
  const key = db.key(args, 1)
  const entry = db.lookupWrite(key, nowMs)
  const old = entry === NONE ? 0n : int64Of(db, entry)
  if (old === undefined) return reply.error(NOT_AN_INTEGER)
  const sum = old + delta
  if (sum < INT64_MIN || sum > INT64_MAX) return reply.error(OVERFLOW)
  const expiresAtMs = entry === NONE ? NO_EXPIRY : db.entries.expiresAtMs(entry)
  if (Number.isSafeInteger(Number(sum))) setInteger(db, key, entry, Number(sum), expiresAtMs)
  else setText(db, key, entry, String(sum), expiresAtMs)
  effects.asGiven(args)
  reply.int64(sum)
}

function int64Of(db: Keyspace, entry: number): bigint | undefined {
  const value = bytesOf(db, entry, db.host.value)
  return parseInt64(value.buffer, value.start, value.end)
}

function setText(db: Keyspace, key: Key, entry: number, text: string, expiresAtMs: number): void {
  const bytes = Buffer.from(text, 'latin1')
  setBytes(db, key, entry, bytes, 0, bytes.length, expiresAtMs)
}

/** INCRBYFLOAT key increment → the new value as a bulk string. https://redis.io/commands/incrbyfloat */
function incrbyfloat({ db, nowMs, effects }: CommandContext, args: Args, reply: ReplyWriter): void {
  const key = db.key(args, 1)
  const entry = db.lookupWrite(key, nowMs)
  const value = entry === NONE ? ZERO : extendedOf(db, entry)
  const delta = args.bytes(2) > FLOAT_BYTES_MAX ? 'invalid' : parseExtended(args.text(2))
  if (value === 'invalid' || delta === 'invalid') return reply.error(NOT_A_FLOAT)
  if (value === 'infinite' || delta === 'infinite') return reply.error(NOT_FINITE)
  const sum = addExtended(value, delta)
  if (sum === 'infinite') return reply.error(NOT_FINITE)
  const text = formatExtended(sum)
  setText(db, key, entry, text, entry === NONE ? NO_EXPIRY : db.entries.expiresAtMs(entry))
  effects.tell('SET', args, text, 'KEEPTTL')
  reply.bulkText(text)
}

function extendedOf(db: Keyspace, entry: number): ReturnType<typeof parseExtended> {
  const value = bytesOf(db, entry, db.host.value)
  if (value.length > FLOAT_BYTES_MAX) return 'invalid'
  return parseExtended(value.buffer.toString('latin1', value.start, value.end))
}
