/** Commands about when a key goes away. */
import type { Key } from '../engine/key.ts'
import { type Keyspace, NO_EXPIRY, NONE } from '../engine/keyspace.ts'
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { CommandContext, CommandSpec } from './command.ts'
import { echoOf, NOT_AN_INTEGER } from './dispatch.ts'
import { invalidExpiry, type TimeForm, timeForms, toEpochMs } from './expiry-options.ts'

const row = { group: 'generic', keys: { first: 1, last: 1, step: 1 } } as const
const writes = ['write', 'fast'] as const
const reads = ['readonly', 'fast'] as const

export const expiryCommands = [
  { ...row, name: 'expire', arity: -3, flags: writes, since: '1.0.0', run: expire },
  { ...row, name: 'pexpire', arity: -3, flags: writes, since: '2.6.0', run: pexpire },
  { ...row, name: 'expireat', arity: -3, flags: writes, since: '1.2.0', run: expireat },
  { ...row, name: 'pexpireat', arity: -3, flags: writes, since: '2.6.0', run: pexpireat },
  { ...row, name: 'ttl', arity: 2, flags: reads, since: '1.0.0', run: ttl },
  { ...row, name: 'pttl', arity: 2, flags: reads, since: '2.6.0', run: pttl },
  { ...row, name: 'expiretime', arity: 2, flags: reads, since: '7.0.0', run: expiretime },
  { ...row, name: 'pexpiretime', arity: 2, flags: reads, since: '7.0.0', run: pexpiretime },
  { ...row, name: 'persist', arity: 2, flags: writes, since: '2.2.0', run: persist },
] as const satisfies readonly CommandSpec[]

/** What the TTL family answers when there is no such key, and when the key has no time. */
const NO_KEY = -2
const NO_TIME = -1

const NX_ALONE = 'ERR NX and XX, GT or LT options at the same time are not compatible'
const GT_OR_LT = 'ERR GT and LT options at the same time are not compatible'

interface Conditions {
  nx: boolean
  xx: boolean
  gt: boolean
  lt: boolean
}

/** EXPIRE key seconds [NX | XX | GT | LT] → 1 if set, else 0. https://redis.io/commands/expire */
function expire(context: CommandContext, args: Args, reply: ReplyWriter): void {
  expireGeneric(context, args, timeForms.ex, 'expire', reply)
}

/** PEXPIRE: the same in milliseconds. https://redis.io/commands/pexpire */
function pexpire(context: CommandContext, args: Args, reply: ReplyWriter): void {
  expireGeneric(context, args, timeForms.px, 'pexpire', reply)
}

/** EXPIREAT: the same in seconds since the epoch. https://redis.io/commands/expireat */
function expireat(context: CommandContext, args: Args, reply: ReplyWriter): void {
  expireGeneric(context, args, timeForms.exat, 'expireat', reply)
}

/** PEXPIREAT: the same in milliseconds since the epoch. https://redis.io/commands/pexpireat */
function pexpireat(context: CommandContext, args: Args, reply: ReplyWriter): void {
  expireGeneric(context, args, timeForms.pxat, 'pexpireat', reply)
}

function expireGeneric(
  context: CommandContext,
  args: Args,
  form: TimeForm,
  command: string,
  reply: ReplyWriter,
): void {
  const { db, nowMs } = context
  const conditions = parseConditions(args)
  if (typeof conditions === 'string') return reply.error(conditions)
  if (Number.isNaN(args.integer(2))) return reply.error(NOT_AN_INTEGER)
  const atMs = toEpochMs(args, 2, form, nowMs)
  if (atMs === undefined) return reply.error(invalidExpiry(command))
  const key = db.key(args, 1)
  const entry = db.lookupWrite(key, nowMs)
  if (entry === NONE) return reply.integer(0)
  if (!holds(conditions, db.entries.expiresAtMs(entry), atMs)) return reply.integer(0)
  expireAt(context, args, key, entry, atMs)
  reply.integer(1)
}

/** The entry of `key`, which is argument 1, goes at `atMs`, which may be now. */
export function expireAt(
  { db, nowMs, effects }: CommandContext,
  args: Args,
  key: Key,
  entry: number,
  atMs: number,
): void {
  if (atMs <= nowMs) {
    db.remove(key, entry)
    effects.tell('DEL', args)
  } else {
    db.setExpiry(key, entry, atMs)
    effects.tell('PEXPIREAT', args, atMs)
  }
}

/** The conditions from argument 3 on, or the error. */
function parseConditions(args: Args): Conditions | string {
  const conditions = { nx: false, xx: false, gt: false, lt: false }
  for (let index = 3; index < args.count; index++) {
    if (args.is(index, 'nx')) conditions.nx = true
    else if (args.is(index, 'xx')) conditions.xx = true
    else if (args.is(index, 'gt')) conditions.gt = true
    else if (args.is(index, 'lt')) conditions.lt = true
    else return `ERR Unsupported option ${echoOf(args, index)}`
  }
  const { nx, xx, gt, lt } = conditions
  if (nx && (xx || gt || lt)) return NX_ALONE
  return gt && lt ? GT_OR_LT : conditions
}

/** A key without a time counts as one that never ends. */
function holds({ nx, xx, gt, lt }: Conditions, currentMs: number, atMs: number): boolean {
  const hasTime = currentMs !== NO_EXPIRY
  if (nx && hasTime) return false
  if (xx && !hasTime) return false
  if (gt && (!hasTime || atMs <= currentMs)) return false
  return !(lt && hasTime && atMs >= currentMs)
}

/** TTL key → seconds left, rounded; -1 without a time, -2 without a key. https://redis.io/commands/ttl */
function ttl({ db, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  reply.integer(timeOf(db, args, nowMs, nowMs, 1000))
}

/** PTTL key → milliseconds left. https://redis.io/commands/pttl */
function pttl({ db, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  reply.integer(timeOf(db, args, nowMs, nowMs, 1))
}

/** EXPIRETIME key → seconds since the epoch. https://redis.io/commands/expiretime */
function expiretime({ db, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  reply.integer(timeOf(db, args, nowMs, 0, 1000))
}

/** PEXPIRETIME key → milliseconds since the epoch. https://redis.io/commands/pexpiretime */
function pexpiretime({ db, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  reply.integer(timeOf(db, args, nowMs, 0, 1))
}

/** When argument 1 expires, counted from `sinceMs` in `unitMs`, rounded half up. */
function timeOf(db: Keyspace, args: Args, nowMs: number, sinceMs: number, unitMs: number): number {
  const entry = db.lookupRead(db.key(args, 1), nowMs)
  if (entry === NONE) return NO_KEY
  const atMs = db.entries.expiresAtMs(entry)
  if (atMs === NO_EXPIRY) return NO_TIME
  return unitMs === 1 ? atMs - sinceMs : Math.floor((atMs - sinceMs + unitMs / 2) / unitMs)
}

/** PERSIST key → 1 if it had a time, else 0. https://redis.io/commands/persist */
function persist({ db, nowMs, effects }: CommandContext, args: Args, reply: ReplyWriter): void {
  const entry = db.lookupWrite(db.key(args, 1), nowMs)
  if (entry === NONE || !db.clearExpiry(entry)) return reply.integer(0)
  effects.asGiven(args)
  reply.integer(1)
}
