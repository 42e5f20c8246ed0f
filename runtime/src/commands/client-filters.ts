/** The filters of CLIENT LIST and CLIENT KILL: options parsed into one predicate, or an error's text. */
import type { Args } from '../protocol/args.ts'
import type { Session } from '../tenancy/session.ts'
import { echoOf, SYNTAX_ERROR } from './dispatch.ts'

export type ClientFilter = (session: Session) => boolean

/** CLIENT LIST [TYPE type | ID id ...]. */
export function parseListFilter(args: Args): ClientFilter | string {
  if (args.count === 2) return () => true
  if (args.count === 4 && args.is(2, 'type')) return parseType(args, 3)
  if (args.count > 3 && args.is(2, 'id')) return parseIds(args, 3)
  return SYNTAX_ERROR
}

/** CLIENT KILL with pairs of filter and value; all of them must match. */
export function parseKillFilter(args: Args, caller: Session): ClientFilter | string {
  const filters: ClientFilter[] = []
  let skipsCaller = true
  for (let at = 2; at < args.count; at += 2) {
    if (at + 1 >= args.count) return SYNTAX_ERROR
    if (args.is(at, 'skipme')) {
      if (!args.is(at + 1, 'yes') && !args.is(at + 1, 'no')) return SYNTAX_ERROR
      skipsCaller = args.is(at + 1, 'yes')
      continue
    }
    const filter = parseFilter(args, at)
    if (typeof filter === 'string') return filter
    filters.push(filter)
  }
  return (session) =>
    !(skipsCaller && session === caller) && filters.every((filter) => filter(session))
}

function parseFilter(args: Args, at: number): ClientFilter | string {
  const value = args.text(at + 1)
  if (args.is(at, 'id')) return parseKillId(args, at + 1)
  if (args.is(at, 'type')) return parseType(args, at + 1)
  if (args.is(at, 'addr')) return (session) => session.address === value
  if (args.is(at, 'laddr')) return (session) => session.localAddress === value
  if (args.is(at, 'user')) return (session) => session.user === value
  return SYNTAX_ERROR
}

function parseKillId(args: Args, at: number): ClientFilter | string {
  const id = args.integer(at)
  if (!(id >= 1)) return 'ERR client-id should be greater than 0'
  return (session) => session.id === id
}

/** Replicas and subscribers do not exist yet, so every client is a normal one. */
function parseType(args: Args, at: number): ClientFilter | string {
  if (args.is(at, 'normal')) return () => true
  const isKnown = ['master', 'replica', 'slave', 'pubsub'].some((type) => args.is(at, type))
  return isKnown ? () => false : `ERR Unknown client type '${echoOf(args, at)}'`
}

function parseIds(args: Args, first: number): ClientFilter | string {
  const ids = new Set<number>()
  for (let at = first; at < args.count; at++) {
    const id = args.integer(at)
    if (Number.isNaN(id)) return 'ERR Invalid client ID'
    ids.add(id)
  }
  return (session) => ids.has(session.id)
}
