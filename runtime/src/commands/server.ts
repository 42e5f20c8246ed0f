/** Commands about the server: INFO, CONFIG GET, TIME. What they tell is the tenant's own. */
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { CommandContext, CommandSpec } from './command.ts'
import { wrongArity } from './dispatch.ts'
import { parseInfoSections, renderInfo } from './info.ts'
import type { ServerFacts } from './server-facts.ts'
import type { StorageCommands } from './storage.ts'
import { matchesText } from './text-pattern.ts'

/** INFO, CONFIG and TIME, which speak of the process through `facts`. */
export function createServerCommands(
  facts: ServerFacts,
  storage: StorageCommands,
): readonly CommandSpec[] {
  const row = { keys: undefined, group: 'server' } as const
  const configGet: CommandSpec = {
    ...row,
    name: 'get',
    arity: -3,
    flags: ['admin', 'noscript', 'loading', 'stale'],
    since: '2.0.0',
    run: (context, args, reply) => getConfig(facts, storage, context, args, reply),
  }
  const configSet: CommandSpec = {
    ...row,
    name: 'set',
    arity: -4,
    flags: ['admin', 'noscript', 'loading', 'stale'],
    since: '2.0.0',
    run: (context, args, reply) => setConfig(storage, context, args, reply),
  }
  return [
    {
      ...row,
      name: 'info',
      arity: -1,
      flags: ['loading', 'stale'],
      since: '1.0.0',
      run: (context, args, reply) =>
        reply.verbatim('txt', renderInfo({ facts, storage, context }, parseInfoSections(args))),
    },
    {
      ...row,
      name: 'config',
      arity: -2,
      flags: [],
      since: '2.0.0',
      subcommands: [configGet, configSet],
      run: configGet.run,
    },
    {
      ...row,
      name: 'time',
      arity: 1,
      flags: ['loading', 'stale', 'fast'],
      since: '2.6.0',
      run: time,
    },
  ]
}

/** TIME → seconds and microseconds. https://redis.io/commands/time */
function time({ nowMs }: CommandContext, _args: Args, reply: ReplyWriter): void {
  const seconds = Math.floor(nowMs / 1000)
  reply.array(2)
  reply.bulkInteger(seconds)
  reply.bulkInteger(Math.floor((nowMs - seconds * 1000) * 1000))
}

/** CONFIG GET pattern ... → a map of settings and values. https://redis.io/commands/config-get */
function getConfig(
  facts: ServerFacts,
  storage: StorageCommands,
  { tenant }: CommandContext,
  args: Args,
  reply: ReplyWriter,
): void {
  const { databases, memoryLimitBytes, connectionsMax } = tenant.assignment
  const settings = new Map([
    ...facts.settings(),
    ...storage.settings(tenant),
    ['databases', String(databases)],
    ['maxclients', String(connectionsMax)],
    ['maxmemory', String(memoryLimitBytes)],
  ])
  const found = new Map<string, string>()
  for (let at = 2; at < args.count; at++) {
    const pattern = args.text(at).toLowerCase()
    for (const [name, value] of settings) if (matchesText(pattern, name)) found.set(name, value)
  }
  reply.map(found.size)
  for (const [name, value] of found) {
    reply.bulkText(name)
    reply.bulkText(value)
  }
}

/** CONFIG SET name value ... → OK. https://redis.io/commands/config-set */
function setConfig(
  storage: StorageCommands,
  { tenant }: CommandContext,
  args: Args,
  reply: ReplyWriter,
): void {
  if (args.count % 2 !== 0) return reply.error(wrongArity('config|set'))
  for (let at = 2; at < args.count; at += 2) {
    const error = storage.configure(tenant, args.text(at).toLowerCase(), args.text(at + 1))
    if (error !== undefined) return reply.error(error)
  }
  reply.ok()
}
