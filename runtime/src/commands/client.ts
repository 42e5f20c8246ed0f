/** CLIENT and its subcommands. A tenant's clients see each other and nobody else. */
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { Session } from '../tenancy/session.ts'
import { type ClientFilter, parseKillFilter, parseListFilter } from './client-filters.ts'
import { INVALID_NAME, isValidName } from './client-names.ts'
import type { CommandContext, CommandSpec } from './command.ts'
import { echoOf } from './dispatch.ts'

type Run = CommandSpec['run']

function subcommand(name: string, arity: number, since: string, run: Run): CommandSpec {
  const flags = ['noscript', 'loading', 'stale'] as const
  return { name, arity, flags, keys: undefined, group: 'connection', since, run }
}

export const clientCommands: readonly CommandSpec[] = [
  {
    name: 'client',
    arity: -2,
    flags: [],
    keys: undefined,
    group: 'connection',
    since: '2.4.0',
    subcommands: [
      subcommand('getname', 2, '2.6.9', getName),
      subcommand('id', 2, '5.0.0', id),
      subcommand('info', 2, '6.2.0', info),
      subcommand('kill', -3, '2.4.0', kill),
      subcommand('list', -2, '2.4.0', list),
      subcommand('setinfo', 4, '7.2.0', setInfo),
      subcommand('setname', 3, '2.6.9', setName),
    ],
    run: id,
  },
]

/** CLIENT ID → integer. https://redis.io/commands/client-id */
function id({ session }: CommandContext, _args: Args, reply: ReplyWriter): void {
  reply.integer(session.id)
}

/** CLIENT GETNAME → name or null. https://redis.io/commands/client-getname */
function getName({ session }: CommandContext, _args: Args, reply: ReplyWriter): void {
  if (session.name === '') reply.nil()
  else reply.bulkText(session.name)
}

/** CLIENT SETNAME name → OK. https://redis.io/commands/client-setname */
function setName({ session }: CommandContext, args: Args, reply: ReplyWriter): void {
  if (!isValidName(args, 2)) {
    reply.error(INVALID_NAME)
    return
  }
  session.name = args.text(2)
  reply.ok()
}

/** CLIENT SETINFO lib-name|lib-ver value → OK. https://redis.io/commands/client-setinfo */
function setInfo({ session }: CommandContext, args: Args, reply: ReplyWriter): void {
  const isName = args.is(2, 'lib-name')
  if (!isName && !args.is(2, 'lib-ver')) {
    reply.error(`ERR Unrecognized option '${echoOf(args, 2)}'`)
  } else if (!isValidName(args, 3)) {
    const option = isName ? 'lib-name' : 'lib-ver'
    reply.error(`ERR ${option} cannot contain spaces, newlines or special characters.`)
  } else {
    if (isName) session.libraryName = args.text(3)
    else session.libraryVersion = args.text(3)
    reply.ok()
  }
}

/** CLIENT INFO → one line about this connection. https://redis.io/commands/client-info */
function info({ session, nowMs }: CommandContext, _args: Args, reply: ReplyWriter): void {
  reply.verbatim('txt', describe(session, nowMs))
}

/** CLIENT LIST [TYPE type] [ID id ...] → lines. https://redis.io/commands/client-list */
function list({ tenant, nowMs }: CommandContext, args: Args, reply: ReplyWriter): void {
  const filter = parseListFilter(args)
  if (typeof filter === 'string') {
    reply.error(filter)
    return
  }
  const lines = [...tenant.sessions].filter(filter).map((session) => describe(session, nowMs))
  reply.verbatim('txt', lines.join(''))
}

/** CLIENT KILL address | filters → OK or a count. https://redis.io/commands/client-kill */
function kill(context: CommandContext, args: Args, reply: ReplyWriter): void {
  if (args.count === 3) {
    const address = args.text(2)
    const killed = killAll(context, (session) => session.address === address)
    if (killed > 0) reply.ok()
    else reply.error('ERR No such client')
    return
  }
  const filter = parseKillFilter(args, context.session)
  if (typeof filter === 'string') reply.error(filter)
  else reply.integer(killAll(context, filter))
}

/** The caller itself is closed only after it has its reply. */
function killAll({ tenant, session: caller }: CommandContext, filter: ClientFilter): number {
  const doomed = [...tenant.sessions].filter(filter)
  for (const session of doomed) {
    if (session === caller) session.closeAfterReply()
    else session.close()
  }
  return doomed.length
}

/** One line as CLIENT LIST of Redis 7.2 has it; what this server has no notion of is zero. */
function describe(session: Session, nowMs: number): string {
  const seconds = (sinceMs: number) => Math.max(0, Math.floor((nowMs - sinceMs) / 1000))
  const { queryBytes, outputBytes } = session
  return (
    `id=${session.id} addr=${session.address} laddr=${session.localAddress} fd=-1 ` +
    `name=${session.name} age=${seconds(session.connectedAtMs)} ` +
    `idle=${seconds(session.lastTurnAtMs)} flags=N db=${session.databaseIndex} ` +
    `sub=0 psub=0 ssub=0 multi=-1 qbuf=${queryBytes} qbuf-free=0 argv-mem=0 multi-mem=0 ` +
    `rbs=0 rbp=0 obl=0 oll=0 omem=${outputBytes} tot-mem=${queryBytes + outputBytes} events=r ` +
    `cmd=${session.lastCommand} user=${session.user} redir=-1 resp=${session.protocol} ` +
    `lib-name=${session.libraryName} lib-ver=${session.libraryVersion}\n`
  )
}
