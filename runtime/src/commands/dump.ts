/** DUMP and RESTORE: a value as bytes that redis-server takes, and back. */
import { Bytes } from '../engine/bytes.ts'
import { NO_EXPIRY, NONE } from '../engine/keyspace.ts'
import { decodeDump, encodeDump, isIntactDump } from '../persistence/rdb/dump-payload.ts'
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { CommandContext, CommandSpec } from './command.ts'
import { NOT_AN_INTEGER, SYNTAX_ERROR } from './dispatch.ts'
import { EXPIRES_AT_MS_MAX } from './expiry-options.ts'

const row = { group: 'generic', keys: { first: 1, last: 1, step: 1 }, since: '2.6.0' } as const

export const dumpCommands = [
  { ...row, name: 'dump', arity: 2, flags: ['readonly'], run: dump },
  { ...row, name: 'restore', arity: -4, flags: ['write', 'denyoom'], run: restore },
] as const satisfies readonly CommandSpec[]

const BUSY_KEY = 'BUSYKEY Target key name already exists.'
const BAD_TTL = 'ERR Invalid TTL value, must be >= 0'
const BAD_IDLE_TIME = 'ERR Invalid IDLETIME value, must be >= 0'
const BAD_FREQUENCY = 'ERR Invalid FREQ value, must be >= 0 and <= 255'
const BAD_FOOTER = 'ERR DUMP payload version or checksum are wrong'
const BAD_PAYLOAD = 'ERR Bad data format'
const FREQUENCY_MAX = 255

interface RestoreOptions {
  replaces: boolean
  isAbsolute: boolean
}

/** DUMP key → the value as bytes, or null. https://redis.io/commands/dump */
function dump({ db, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  const entry = db.lookupRead(db.key(args, 1), nowMs)
  if (entry === NONE) return reply.nil()
  const payload = encodeDump(db, entry)
  reply.bulk(payload, 0, payload.length)
}

/**
 * RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency] → OK. Checks in the
 * order of restoreCommand in Redis' cluster.c. https://redis.io/commands/restore
 */
function restore(context: CommandContext, args: Args, reply: ReplyWriter): void {
  const { db, nowMs, effects } = context
  const options = parseOptions(args)
  if (typeof options === 'string') return reply.error(options)
  const exists = db.lookupWrite(db.key(args, 1), nowMs) !== NONE
  if (exists && !options.replaces) return reply.error(BUSY_KEY)
  const ttl = args.integer(2)
  if (Number.isNaN(ttl)) return reply.error(NOT_AN_INTEGER)
  if (ttl < 0) return reply.error(BAD_TTL)
  const payload = args.buffer.subarray(args.start(3), args.end(3))
  if (!isIntactDump(payload)) return reply.error(BAD_FOOTER)
  const value = new Bytes()
  const type = decodeDump(payload, value)
  if (type === undefined) return reply.error(BAD_PAYLOAD)

  const expiresAtMs = expiryOf(ttl, options.isAbsolute ? 0 : nowMs)
  const key = db.key(args, 1)
  const entry = db.lookupWrite(key, nowMs)
  if (expiresAtMs === NO_EXPIRY || expiresAtMs > nowMs) {
    type.store(db, key, entry, value, expiresAtMs)
    effects.tellRestore(args, Math.max(0, expiresAtMs))
  } else if (entry !== NONE) {
    db.remove(key, entry)
    effects.tell('DEL', args)
  }
  reply.ok()
}

/** A time to live of 0 is none. */
const expiryOf = (ttl: number, fromMs: number): number =>
  ttl === 0 ? NO_EXPIRY : Math.min(EXPIRES_AT_MS_MAX, ttl + fromMs)

/** The options from argument 4 on, or the error. How often or long ago a key was used is not kept. */
function parseOptions(args: Args): RestoreOptions | string {
  const options = { replaces: false, isAbsolute: false }
  let usage: 'idletime' | 'freq' | undefined
  for (let index = 4; index < args.count; index++) {
    const hasNext = index + 1 < args.count
    if (args.is(index, 'replace')) options.replaces = true
    else if (args.is(index, 'absttl')) options.isAbsolute = true
    else if (args.is(index, 'idletime') && hasNext && usage !== 'freq') {
      usage = 'idletime'
      const error = usageError(args.integer(++index), Number.POSITIVE_INFINITY, BAD_IDLE_TIME)
      if (error !== undefined) return error
    } else if (args.is(index, 'freq') && hasNext && usage !== 'idletime') {
      usage = 'freq'
      const error = usageError(args.integer(++index), FREQUENCY_MAX, BAD_FREQUENCY)
      if (error !== undefined) return error
    } else return SYNTAX_ERROR
  }
  return options
}

function usageError(value: number, max: number, error: string): string | undefined {
  if (Number.isNaN(value)) return NOT_AN_INTEGER
  return value < 0 || value > max ? error : undefined
}
