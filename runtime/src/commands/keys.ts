/** Commands about keys, whatever their values are. */
import { type Keyspace, NONE } from '../engine/keyspace.ts'
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { CommandContext, CommandSpec } from './command.ts'

const row = { group: 'generic', keys: { first: 1, last: 1, step: 1 } } as const
const many = { group: 'generic', keys: { first: 1, last: -1, step: 1 } } as const
const two = { group: 'generic', keys: { first: 1, last: 2, step: 1 } } as const
const reads = ['readonly', 'fast'] as const

export const keyCommands = [
  { ...many, name: 'del', arity: -2, flags: ['write'], since: '1.0.0', run: del },
  { ...many, name: 'unlink', arity: -2, flags: ['write', 'fast'], since: '4.0.0', run: del },
  { ...many, name: 'exists', arity: -2, flags: reads, since: '1.0.0', run: exists },
  { ...many, name: 'touch', arity: -2, flags: reads, since: '3.2.1', run: exists },
  { ...row, name: 'type', arity: 2, flags: reads, since: '1.0.0', run: type },
  { ...two, name: 'rename', arity: 3, flags: ['write'], since: '1.0.0', run: rename },
  { ...two, name: 'renamenx', arity: 3, flags: ['write', 'fast'], since: '1.0.0', run: renamenx },
  {
    name: 'randomkey',
    arity: 1,
    flags: ['readonly'],
    keys: undefined,
    group: 'generic',
    since: '1.0.0',
    run: randomkey,
  },
] as const satisfies readonly CommandSpec[]

/** By the kinds of engine/entries.ts. */
export const typeNames = ['string'] as const

const NO_SUCH_KEY = 'ERR no such key'

/** DEL key [key …] → how many there were. https://redis.io/commands/del */
function del({ db, nowMs, effects }: CommandContext, args: Args, reply: ReplyWriter): void {
  let removed = 0
  for (let index = 1; index < args.count; index++) {
    const key = db.key(args, index)
    const entry = db.lookupWrite(key, nowMs)
    if (entry === NONE) continue
    db.remove(key, entry)
    removed++
  }
  if (removed > 0) effects.asGiven(args, removed)
  reply.integer(removed)
}

/** EXISTS key [key …] → how many there are, repeated ones repeatedly. https://redis.io/commands/exists */
function exists({ db, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  let count = 0
  for (let index = 1; index < args.count; index++) {
    if (db.lookupRead(db.key(args, index), nowMs) !== NONE) count++
  }
  reply.integer(count)
}

/** TYPE key → its type's name, or none. https://redis.io/commands/type */
function type({ db, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  const entry = db.lookupRead(db.key(args, 1), nowMs)
  reply.simple(entry === NONE ? 'none' : typeNames[db.entries.kind(entry)])
}

/** RENAME key newkey → OK. https://redis.io/commands/rename */
function rename({ db, nowMs, effects }: CommandContext, args: Args, reply: ReplyWriter): void {
  if (db.lookupWrite(db.key(args, 1), nowMs) === NONE) return reply.error(NO_SUCH_KEY)
  if (move(db, args, nowMs)) effects.asGiven(args)
  reply.ok()
}

/** RENAMENX key newkey → 1, or 0 when newkey exists. https://redis.io/commands/renamenx */
function renamenx({ db, nowMs, effects }: CommandContext, args: Args, reply: ReplyWriter): void {
  if (db.lookupWrite(db.key(args, 1), nowMs) === NONE) return reply.error(NO_SUCH_KEY)
  if (db.lookupWrite(db.otherKey(args, 2), nowMs) !== NONE) return reply.integer(0)
  if (move(db, args, nowMs)) effects.asGiven(args)
  reply.integer(1)
}

/**
 * The value of argument 1, which exists, goes to argument 2, whose own is deleted. False when the
 * two are the same.
 */
function move(db: Keyspace, args: Args, nowMs: number): boolean {
  const key = db.key(args, 1)
  const entry = db.lookupWrite(key, nowMs)
  const target = db.otherKey(args, 2)
  const replaced = db.lookupWrite(target, nowMs)
  if (replaced === entry) return false
  if (replaced !== NONE) db.remove(target, replaced)
  db.rename(key, entry, target)
  return true
}

/** RANDOMKEY → some key, or null. https://redis.io/commands/randomkey */
function randomkey({ db, nowMs }: CommandContext, _args: Args, reply: ReplyWriter): void {
  for (;;) {
    const entry = db.pick()
    if (entry === NONE) return reply.nil()
    if (!db.removeIfExpired(entry, nowMs)) return writeKey(db, entry, reply)
  }
}

/** The entry's key as a bulk string. */
export function writeKey(db: Keyspace, entry: number, reply: ReplyWriter): void {
  const start = db.entries.keyStart(entry)
  reply.bulk(db.entries.bytesOf(entry), start, start + db.entries.keyBytes(entry))
}
