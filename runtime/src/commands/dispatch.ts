/**
 * From arguments to the running command: look-up, arity, authentication, memory limit, in the order
 * and with the words of processCommand in Redis' server.c.
 */
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { Obstacle } from '../tenancy/tenant.ts'
import type { Command, CommandIndex } from './command-index.ts'
import type { ExecutionContext } from './execution-context.ts'

/** How much of the arguments an error repeats. */
const ECHO_BYTES_MAX = 128

export const NO_AUTH = 'NOAUTH Authentication required.'
export const OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'."
export const SYNTAX_ERROR = 'ERR syntax error'
export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range'

/**
 * Runs the command in `args` for the session in `context`, which writes exactly one reply.
 */
export function dispatch(
  index: CommandIndex,
  context: ExecutionContext,
  args: Args,
  reply: ReplyWriter,
): void {
  let command = index.find(args, 0)
  if (command === undefined) {
    reply.error(unknownCommand(args))
    return
  }
  if (command.subcommands !== undefined && args.count > 1) {
    const subcommand = command.subcommands.find(args, 1)
    if (subcommand === undefined) {
      reply.error(unknownSubcommand(command, args))
      return
    }
    command = subcommand
  }
  context.session.lastCommand = command.fullName
  if (args.count < command.argsMin || args.count > command.argsMax) {
    reply.error(wrongArity(command.fullName))
  } else if (!context.isAuthenticated && !command.needsNoAuth) {
    reply.error(NO_AUTH)
  } else if (context.tenant.obstacle !== undefined && stops(context.tenant.obstacle, command)) {
    reply.error(context.tenant.obstacle.error)
  } else if (command.needsMemory && context.lacksMemory(args)) {
    reply.error(OUT_OF_MEMORY)
  } else {
    command.run(context, args, reply)
  }
}

const stops = (obstacle: Obstacle, { writes, runsWhileLoading }: Command): boolean =>
  obstacle.stops === 'writes' ? writes : !runsWhileLoading

/** The error for a wrong number of arguments; commands whose rule is finer use it too. */
export const wrongArity = (fullName: string): string =>
  `ERR wrong number of arguments for '${fullName}' command`

function unknownCommand(args: Args): string {
  let echoed = ''
  for (let at = 1; at < args.count && echoed.length < ECHO_BYTES_MAX; at++) {
    echoed += `'${echoOf(args, at, ECHO_BYTES_MAX - echoed.length)}' `
  }
  const name = echoOf(args, 0)
  return `ERR unknown command '${name}', with args beginning with: ${echoed}`
}

function unknownSubcommand({ spec }: Command, args: Args): string {
  const name = echoOf(args, 1)
  return `ERR unknown subcommand '${name}'. Try ${spec.name.toUpperCase()} HELP.`
}

/** An argument as errors repeat it. Redis prints it as a C string: a null byte ends it. */
export function echoOf(args: Args, index: number, bytesMax = ECHO_BYTES_MAX): string {
  const start = args.start(index)
  const end = Math.min(args.end(index), start + bytesMax)
  const text = args.buffer.toString('latin1', start, end)
  const nul = text.indexOf('\0')
  return nul < 0 ? text : text.slice(0, nul)
}
