/** String commands. What a string is made of lives in engine/strings.ts. */
import { NO_EXPIRY, NONE } from '../engine/keyspace.ts'
import { bytesOf, lengthOf, setBytes, writeRange } from '../engine/strings.ts'
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { CommandContext, CommandSpec } from './command.ts'
import { NOT_AN_INTEGER, OUT_OF_MEMORY, SYNTAX_ERROR, wrongArity } from './dispatch.ts'
import { expireAt } from './expiry.ts'
import { parsePositiveExpiry, type TimeForm, timeForms } from './expiry-options.ts'
import { SetOptions } from './set-options.ts'

const row = { group: 'string', keys: { first: 1, last: 1, step: 1 } } as const
const allKeys = { first: 1, last: -1, step: 1 } as const
const everySecond = { first: 1, last: -1, step: 2 } as const
const grows = ['write', 'denyoom'] as const
const growsFast = ['write', 'denyoom', 'fast'] as const
const reads = ['readonly'] as const
const readsFast = ['readonly', 'fast'] as const
const writesFast = ['write', 'fast'] as const

export const stringCommands = [
  { ...row, name: 'get', arity: 2, flags: readsFast, since: '1.0.0', run: get },
  { ...row, name: 'set', arity: -3, flags: grows, since: '1.0.0', run: set },
  { ...row, name: 'setnx', arity: 3, flags: growsFast, since: '1.0.0', run: setnx },
  { ...row, name: 'setex', arity: 4, flags: grows, since: '2.0.0', run: setex },
  { ...row, name: 'psetex', arity: 4, flags: grows, since: '2.6.0', run: psetex },
  { ...row, name: 'getset', arity: 3, flags: growsFast, since: '1.0.0', run: getset },
  { ...row, name: 'getdel', arity: 2, flags: writesFast, since: '6.2.0', run: getdel },
  { ...row, name: 'getex', arity: -2, flags: writesFast, since: '6.2.0', run: getex },
  { ...row, name: 'mget', arity: -2, flags: readsFast, since: '1.0.0', keys: allKeys, run: mget },
  { ...row, name: 'mset', arity: -3, flags: grows, since: '1.0.1', keys: everySecond, run: mset },
  {
    ...row,
    name: 'msetnx',
    arity: -3,
    flags: grows,
    since: '1.0.1',
    keys: everySecond,
    run: msetnx,
  },
  { ...row, name: 'append', arity: 3, flags: growsFast, since: '2.0.0', run: append },
  { ...row, name: 'strlen', arity: 2, flags: readsFast, since: '2.2.0', run: strlen },
  { ...row, name: 'getrange', arity: 4, flags: reads, since: '2.4.0', run: getrange },
  { ...row, name: 'substr', arity: 4, flags: reads, since: '1.0.0', run: getrange },
  { ...row, name: 'setrange', arity: 4, flags: grows, since: '2.2.0', run: setrange },
] as const satisfies readonly CommandSpec[]

/** The longest string, Redis' default of proto-max-bulk-len. */
export const STRING_BYTES_MAX = 512 * 1024 * 1024
const TOO_LONG = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)'
const BAD_OFFSET = 'ERR offset is out of range'

/** GET key → bulk string or null. https://redis.io/commands/get */
function get({ db, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  writeValue({ db }, db.lookupRead(db.key(args, 1), nowMs), reply)
}

function writeValue({ db }: Pick<CommandContext, 'db'>, entry: number, reply: ReplyWriter): void {
  if (entry === NONE) return reply.nil()
  const value = bytesOf(db, entry, db.host.value)
  reply.bulk(value.buffer, value.start, value.end)
}

/**
 * SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL] → OK, null when the
 * condition fails, or with GET the old value. https://redis.io/commands/set
 */
function set(context: CommandContext, args: Args, reply: ReplyWriter): void {
  if (args.count === 3) {
    assign(context, args, 2, NO_EXPIRY)
    context.effects.asGiven(args)
    reply.ok()
  } else setWithOptions(context, args, reply)
}

/** Argument 1 gets argument `valueIndex` as its value, whatever it was. */
function assign(
  { db, nowMs }: CommandContext,
  args: Args,
  valueIndex: number,
  expiresAtMs: number,
): void {
  const key = db.key(args, 1)
  const entry = db.lookupWrite(key, nowMs)
  setBytes(db, key, entry, args.buffer, args.start(valueIndex), args.end(valueIndex), expiresAtMs)
}

function setWithOptions(context: CommandContext, args: Args, reply: ReplyWriter): void {
  const { db, nowMs } = context
  const options = new SetOptions()
  if (!options.parse(args, 3, 'set')) return reply.error(SYNTAX_ERROR)
  const expiresAtMs = parseExpiry(context, args, options, 'set', reply)
  if (expiresAtMs === undefined) return
  const entry = db.lookupWrite(db.key(args, 1), nowMs)
  if (options.returnsOld) writeValue(context, entry, reply)
  if (options.condition === (entry === NONE ? 'xx' : 'nx')) {
    if (!options.returnsOld) reply.nil()
    return
  }
  const keeps = options.keepsExpiry && entry !== NONE
  assign(context, args, 2, keeps ? db.entries.expiresAtMs(entry) : expiresAtMs)
  if (options.keepsExpiry) context.effects.tellSet(args, 2, 'KEEPTTL')
  else if (expiresAtMs === NO_EXPIRY) context.effects.tellSet(args, 2)
  else context.effects.tellSet(args, 2, 'PXAT', expiresAtMs)
  if (!options.returnsOld) reply.ok()
}

/** The time that the options name, NO_EXPIRY if none; undefined after an error was written. */
function parseExpiry(
  { nowMs }: CommandContext,
  args: Args,
  { form, timeIndex }: SetOptions,
  command: string,
  reply: ReplyWriter,
): number | undefined {
  if (form === undefined) return NO_EXPIRY
  const atMs = parsePositiveExpiry(args, timeIndex, form, nowMs, command, reply)
  return atMs === NO_EXPIRY ? undefined : atMs
}

/** SETNX key value → 1, or 0 when there is one. https://redis.io/commands/setnx */
function setnx(context: CommandContext, args: Args, reply: ReplyWriter): void {
  const { db, nowMs } = context
  if (db.lookupWrite(db.key(args, 1), nowMs) !== NONE) return reply.integer(0)
  assign(context, args, 2, NO_EXPIRY)
  context.effects.tellSet(args, 2)
  reply.integer(1)
}

/** SETEX key seconds value → OK. https://redis.io/commands/setex */
function setex(context: CommandContext, args: Args, reply: ReplyWriter): void {
  setExpiring(context, args, timeForms.ex, 'setex', reply)
}

/** PSETEX key milliseconds value → OK. https://redis.io/commands/psetex */
function psetex(context: CommandContext, args: Args, reply: ReplyWriter): void {
  setExpiring(context, args, timeForms.px, 'psetex', reply)
}

function setExpiring(
  context: CommandContext,
  args: Args,
  form: TimeForm,
  command: string,
  reply: ReplyWriter,
): void {
  const atMs = parsePositiveExpiry(args, 2, form, context.nowMs, command, reply)
  if (atMs === NO_EXPIRY) return
  assign(context, args, 3, atMs)
  context.effects.tellSet(args, 3, 'PXAT', atMs)
  reply.ok()
}

/** GETSET key value → the old value or null. https://redis.io/commands/getset */
function getset(context: CommandContext, args: Args, reply: ReplyWriter): void {
  get(context, args, reply)
  assign(context, args, 2, NO_EXPIRY)
  context.effects.tellSet(args, 2)
}

/** GETDEL key → the value that is gone now, or null. https://redis.io/commands/getdel */
function getdel(context: CommandContext, args: Args, reply: ReplyWriter): void {
  const { db, nowMs } = context
  const key = db.key(args, 1)
  const entry = db.lookupRead(key, nowMs)
  writeValue(context, entry, reply)
  if (entry === NONE) return
  db.remove(key, entry)
  context.effects.tell('DEL', args)
}

/**
 * GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST] → the value or null.
 * https://redis.io/commands/getex
 */
function getex(context: CommandContext, args: Args, reply: ReplyWriter): void {
  const { db, nowMs } = context
  const options = new SetOptions()
  if (!options.parse(args, 2, 'getex')) return reply.error(SYNTAX_ERROR)
  const key = db.key(args, 1)
  const entry = db.lookupRead(key, nowMs)
  if (entry === NONE) return reply.nil()
  const expiresAtMs = parseExpiry(context, args, options, 'getex', reply)
  if (expiresAtMs === undefined) return
  writeValue(context, entry, reply)
  if (options.persists) {
    if (db.clearExpiry(entry)) context.effects.tell('PERSIST', args)
  } else if (options.form !== undefined) expireAt(context, args, key, entry, expiresAtMs)
}

/** MGET key [key …] → their values, null for those that are not there. https://redis.io/commands/mget */
function mget(context: CommandContext, args: Args, reply: ReplyWriter): void {
  const { db, nowMs } = context
  reply.array(args.count - 1)
  for (let index = 1; index < args.count; index++) {
    writeValue(context, db.lookupRead(db.key(args, index), nowMs), reply)
  }
}

/** MSET key value [key value …] → OK. https://redis.io/commands/mset */
function mset(context: CommandContext, args: Args, reply: ReplyWriter): void {
  if (args.count % 2 === 0) return reply.error(wrongArity('mset'))
  assignPairs(context, args)
  context.effects.asGiven(args, (args.count - 1) / 2)
  reply.ok()
}

function assignPairs({ db, nowMs }: CommandContext, args: Args): void {
  for (let index = 1; index < args.count; index += 2) {
    const key = db.key(args, index)
    const entry = db.lookupWrite(key, nowMs)
    setBytes(db, key, entry, args.buffer, args.start(index + 1), args.end(index + 1), NO_EXPIRY)
  }
}

/** MSETNX key value [key value …] → 1, or 0 and nothing when one exists. https://redis.io/commands/msetnx */
function msetnx(context: CommandContext, args: Args, reply: ReplyWriter): void {
  const { db, nowMs } = context
  if (args.count % 2 === 0) return reply.error(wrongArity('msetnx'))
  for (let index = 1; index < args.count; index += 2) {
    if (db.lookupWrite(db.key(args, index), nowMs) !== NONE) return reply.integer(0)
  }
  assignPairs(context, args)
  context.effects.asGiven(args, (args.count - 1) / 2)
  reply.integer(1)
}

/** APPEND key value → the length afterwards. https://redis.io/commands/append */
function append(context: CommandContext, args: Args, reply: ReplyWriter): void {
  const { db, nowMs } = context
  const key = db.key(args, 1)
  const entry = db.lookupWrite(key, nowMs)
  const offset = entry === NONE ? 0 : lengthOf(db, entry)
  if (offset + args.bytes(2) > STRING_BYTES_MAX) return reply.error(TOO_LONG)
  if (entry === NONE) assign(context, args, 2, NO_EXPIRY)
  else writeRange(db, key, entry, offset, args.buffer, args.start(2), args.end(2))
  context.effects.asGiven(args)
  reply.integer(offset + args.bytes(2))
}

/** STRLEN key → bytes, 0 for none. https://redis.io/commands/strlen */
function strlen({ db, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  const entry = db.lookupRead(db.key(args, 1), nowMs)
  reply.integer(entry === NONE ? 0 : lengthOf(db, entry))
}

/**
 * GETRANGE key start end → the bytes from start to end, both included, negative ones counting from
 * the end. https://redis.io/commands/getrange
 */
function getrange({ db, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  let first = args.integer(2)
  let last = args.integer(3)
  if (Number.isNaN(first) || Number.isNaN(last)) return reply.error(NOT_AN_INTEGER)
  const entry = db.lookupRead(db.key(args, 1), nowMs)
  if (entry === NONE) return reply.bulkText('')
  const value = bytesOf(db, entry, db.host.value)
  const isBackward = first < 0 && last < 0 && first > last
  if (first < 0) first = Math.max(0, value.length + first)
  if (last < 0) last = Math.max(0, value.length + last)
  last = Math.min(last, value.length - 1)
  if (isBackward || first > last) return reply.bulkText('')
  reply.bulk(value.buffer, value.start + first, value.start + last + 1)
}

/**
 * SETRANGE key offset value → the length afterwards. Zeros up to the offset are in no argument, so
 * the memory limit is looked at here again. https://redis.io/commands/setrange
 */
function setrange(context: CommandContext, args: Args, reply: ReplyWriter): void {
  const { db, nowMs, tenant, effects } = context
  const offset = args.integer(2)
  if (Number.isNaN(offset)) return reply.error(NOT_AN_INTEGER)
  if (offset < 0) return reply.error(BAD_OFFSET)
  const key = db.key(args, 1)
  const entry = db.lookupWrite(key, nowMs)
  const length = entry === NONE ? 0 : lengthOf(db, entry)
  if (args.bytes(3) === 0) return reply.integer(length)
  const end = offset + args.bytes(3)
  if (end > STRING_BYTES_MAX) return reply.error(TOO_LONG)
  if (!tenant.hasRoomFor(end - length)) return reply.error(OUT_OF_MEMORY)
  writeRange(db, key, entry, offset, args.buffer, args.start(3), args.end(3))
  effects.asGiven(args)
  reply.integer(Math.max(length, end))
}
