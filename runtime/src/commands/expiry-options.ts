/** Times to live as commands are given them: units, bases, limits and Redis' words for errors. */
import { NO_EXPIRY } from '../engine/keyspace.ts'
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import { NOT_AN_INTEGER } from './dispatch.ts'

/**
 * Expiry times are kept as doubles, exact to the millisecond up to the year 287396. Redis takes any
 * int64; a later time than this is taken for this one.
 */
export const EXPIRES_AT_MS_MAX = Number.MAX_SAFE_INTEGER

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

/** How a number is to be read: in which unit, and from the epoch or from now. */
export interface TimeForm {
  readonly unitMs: 1 | 1000
  readonly isAbsolute: boolean
}

export const timeForms = {
  ex: { unitMs: 1000, isAbsolute: false },
  px: { unitMs: 1, isAbsolute: false },
  exat: { unitMs: 1000, isAbsolute: true },
  pxat: { unitMs: 1, isAbsolute: true },
} as const satisfies Readonly<Record<string, TimeForm>>

export const invalidExpiry = (command: string): string =>
  `ERR invalid expire time in '${command}' command`

/**
 * The point in time that argument `index` names, or NO_EXPIRY after the error was written: a number
 * that is none, not positive, or beyond what an int64 of milliseconds can say.
 */
export function parsePositiveExpiry(
  args: Args,
  index: number,
  form: TimeForm,
  nowMs: number,
  command: string,
  reply: ReplyWriter,
): number {
  const value = args.integer(index)
  if (Number.isNaN(value)) {
    reply.error(NOT_AN_INTEGER)
    return NO_EXPIRY
  }
  const atMs = value <= 0 ? undefined : toEpochMs(args, index, form, nowMs)
  if (atMs !== undefined) return atMs
  reply.error(invalidExpiry(command))
  return NO_EXPIRY
}

/**
 * The point in time that argument `index`, an integer, names; undefined when it is outside an
 * int64 of milliseconds. May lie before the epoch.
 */
export function toEpochMs(
  args: Args,
  index: number,
  form: TimeForm,
  nowMs: number,
): number | undefined {
  const atMs = args.integer(index) * form.unitMs + (form.isAbsolute ? 0 : nowMs)
  if (Number.isSafeInteger(atMs)) return atMs
  const valueMs = (args.int64(index) ?? 0n) * BigInt(form.unitMs)
  const exactMs = valueMs + (form.isAbsolute ? 0n : BigInt(nowMs))
  if (exactMs > INT64_MAX || valueMs < INT64_MIN) return undefined
  return exactMs > 0n ? EXPIRES_AT_MS_MAX : -EXPIRES_AT_MS_MAX
}
