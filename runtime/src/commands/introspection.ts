/** COMMAND and its subcommands: the table, told about itself. https://redis.io/commands/command */
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { CommandContext, CommandSpec, KeyPositions } from './command.ts'
import type { Command, CommandIndex } from './command-index.ts'
import { SYNTAX_ERROR } from './dispatch.ts'
import { matchesText } from './text-pattern.ts'

type Run = CommandSpec['run']
/** The index holds COMMAND itself, so it is asked for only when a command runs. */
type IndexSource = () => CommandIndex

export function createIntrospectionCommands(index: IndexSource): readonly CommandSpec[] {
  const listAll: Run = (_context, _args, reply) => {
    const commands = index().commands()
    reply.array(commands.length)
    for (const command of commands) writeCommand(command, reply)
  }
  const subcommand = (name: string, arity: number, since: string, run: Run): CommandSpec => ({
    name,
    arity,
    flags: ['loading', 'stale'],
    keys: undefined,
    group: 'server',
    since,
    run,
  })
  return [
    {
      ...subcommand('command', -1, '2.8.13', listAll),
      subcommands: [
        subcommand('count', 2, '2.8.13', (_context, _args, reply) =>
          reply.integer(index().commands().length),
        ),
        subcommand('docs', -2, '7.0.0', (_context, args, reply) => docs(index(), args, reply)),
        subcommand('getkeys', -4, '2.8.13', (_context, args, reply) =>
          getKeys(index(), args, reply),
        ),
        subcommand('info', -2, '2.8.13', (context, args, reply) =>
          args.count === 2 ? listAll(context, args, reply) : info(index(), args, reply),
        ),
        subcommand('list', -2, '7.0.0', (context, args, reply) =>
          list(index(), context, args, reply),
        ),
      ],
    },
  ]
}

/** Ten elements as Redis 7 has them; categories, tips and key specifications come with ACL. */
function writeCommand({ spec, fullName, subcommands }: Command, reply: ReplyWriter): void {
  const { arity, flags, keys } = spec
  reply.array(10)
  reply.bulkText(fullName)
  reply.integer(arity)
  reply.set(flags.length)
  for (const flag of flags) reply.simple(flag)
  reply.integer(keys?.first ?? 0)
  reply.integer(keys?.last ?? 0)
  reply.integer(keys?.step ?? 0)
  reply.set(1)
  reply.simple(`@${spec.group}`)
  reply.array(0)
  reply.array(0)
  const children = subcommands?.commands() ?? []
  reply.array(children.length)
  for (const child of children) writeCommand(child, reply)
}

/** The commands that the arguments from 2 on name; `a|b` names a subcommand. */
function find(index: CommandIndex, args: Args, at: number): Command | undefined {
  const [container = '', child] = args.text(at).toLowerCase().split('|')
  const command = index.commands().find(({ spec }) => spec.name === container)
  if (child === undefined) return command
  return command?.subcommands?.commands().find(({ spec }) => spec.name === child)
}

function info(index: CommandIndex, args: Args, reply: ReplyWriter): void {
  reply.array(args.count - 2)
  for (let at = 2; at < args.count; at++) {
    const command = find(index, args, at)
    if (command === undefined) reply.nil()
    else writeCommand(command, reply)
  }
}

function docs(index: CommandIndex, args: Args, reply: ReplyWriter): void {
  const asked = Array.from({ length: args.count - 2 }, (_, at) => find(index, args, at + 2))
  const commands =
    args.count === 2 ? index.commands() : asked.filter((command) => command !== undefined)
  reply.map(commands.length)
  for (const { fullName, spec } of commands) {
    reply.bulkText(fullName)
    reply.map(2)
    reply.bulkText('since')
    reply.bulkText(spec.since)
    reply.bulkText('group')
    reply.bulkText(spec.group)
  }
}

/** COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern] */
function list(index: CommandIndex, _context: CommandContext, args: Args, reply: ReplyWriter): void {
  const names = index.commands().map(({ fullName }) => fullName)
  if (args.count === 2) {
    writeNames(names, reply)
  } else if (args.count !== 5 || !args.is(2, 'filterby')) {
    reply.error(SYNTAX_ERROR)
  } else if (args.is(3, 'pattern')) {
    const pattern = args.text(4).toLowerCase()
    writeNames(
      names.filter((name) => matchesText(pattern, name)),
      reply,
    )
  } else if (args.is(3, 'module')) {
    writeNames([], reply)
  } else {
    reply.error(SYNTAX_ERROR)
  }
}

function writeNames(names: readonly string[], reply: ReplyWriter): void {
  reply.array(names.length)
  for (const name of names) reply.bulkText(name)
}

/** COMMAND GETKEYS command argument ... → its keys. */
function getKeys(index: CommandIndex, args: Args, reply: ReplyWriter): void {
  const command = find(index, args, 2)
  const count = args.count - 2
  if (command === undefined) {
    reply.error('ERR Invalid command specified')
  } else if (command.spec.keys === undefined) {
    reply.error('ERR The command has no key arguments')
  } else if (count < command.argsMin || count > command.argsMax) {
    reply.error('ERR Invalid number of arguments specified for command')
  } else {
    writeKeys(command.spec.keys, args, count, reply)
  }
}

/** The inner command starts at argument 2, and has `count` arguments. */
function writeKeys(keys: KeyPositions, args: Args, count: number, reply: ReplyWriter): void {
  const last = keys.last < 0 ? count + keys.last : keys.last
  const positions: number[] = []
  for (let at = keys.first; at <= last; at += keys.step) positions.push(at + 2)
  reply.array(positions.length)
  for (const at of positions) reply.bulk(args.buffer, args.start(at), args.end(at))
}
