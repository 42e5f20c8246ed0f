/** Commands about the connection itself: greeting, authentication, protocol, database. */
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { Tenant } from '../tenancy/tenant.ts'
import { DEFAULT_USER } from '../tenancy/tenant-registry.ts'
import { INVALID_NAME, isValidName } from './client-names.ts'
import type { CommandContext, CommandSpec } from './command.ts'
import { echoOf, NOT_AN_INTEGER, SYNTAX_ERROR, wrongArity } from './dispatch.ts'
import { REDIS_VERSION } from './server-facts.ts'

/** Who may come in. */
export interface Authenticator {
  /** The tenant of connections that have not authenticated; undefined: they have none. */
  readonly openTenant: Tenant | undefined
  /** The tenant that this user and password open, or undefined; takes the same time for all. */
  authenticate(user: string, password: Uint8Array): Tenant | undefined
}

const WRONG_PASS = 'WRONGPASS invalid username-password pair or user is disabled.'
const NO_ROOM = 'ERR max number of clients reached'
const NO_PASSWORD =
  'ERR AUTH <password> called without any password configured for the default user. ' +
  'Are you sure your configuration is correct?'
const NO_AUTH_HELLO =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH ' +
  '<user> <pass> option can be used to authenticate the client and select the RESP protocol ' +
  'version at the same time'

/** PING, ECHO, AUTH, HELLO, SELECT, QUIT, RESET. */
export function createConnectionCommands(gate: Authenticator): readonly CommandSpec[] {
  const row = { keys: undefined, group: 'connection' } as const
  const always = ['noscript', 'loading', 'stale', 'fast', 'no_auth'] as const
  return [
    { ...row, name: 'ping', arity: -1, flags: ['fast'], since: '1.0.0', run: ping },
    {
      ...row,
      name: 'echo',
      arity: 2,
      flags: ['loading', 'stale', 'fast'],
      since: '1.0.0',
      run: echo,
    },
    { ...row, name: 'auth', arity: -2, flags: always, since: '1.0.0', run: auth(gate) },
    { ...row, name: 'hello', arity: -1, flags: always, since: '6.0.0', run: hello(gate) },
    {
      ...row,
      name: 'select',
      arity: 2,
      flags: ['loading', 'stale', 'fast'],
      since: '1.0.0',
      run: select,
    },
    { ...row, name: 'quit', arity: -1, flags: always, since: '1.0.0', run: quit },
    { ...row, name: 'reset', arity: 1, flags: always, since: '6.2.0', run: reset(gate) },
  ]
}

/** PING [message] → PONG or the message. https://redis.io/commands/ping */
function ping(_context: CommandContext, args: Args, reply: ReplyWriter): void {
  if (args.count > 2) reply.error(wrongArity('ping'))
  else if (args.count === 1) reply.simple('PONG')
  else reply.bulk(args.buffer, args.start(1), args.end(1))
}

/** ECHO message → message. https://redis.io/commands/echo */
function echo(_context: CommandContext, args: Args, reply: ReplyWriter): void {
  reply.bulk(args.buffer, args.start(1), args.end(1))
}

/** SELECT index → OK. https://redis.io/commands/select */
function select({ session, tenant }: CommandContext, args: Args, reply: ReplyWriter): void {
  const index = args.integer(1)
  if (Number.isNaN(index)) {
    reply.error(NOT_AN_INTEGER)
  } else if (index !== (index | 0)) {
    reply.error('ERR value is out of range, value must between -2147483648 and 2147483647')
  } else if (index < 0 || index >= tenant.assignment.databases) {
    reply.error('ERR DB index is out of range')
  } else {
    session.databaseIndex = index
    reply.ok()
  }
}

/** QUIT → OK, then the connection is closed. https://redis.io/commands/quit */
function quit({ session }: CommandContext, _args: Args, reply: ReplyWriter): void {
  reply.ok()
  session.closeAfterReply()
}

/** RESET → RESET; the connection is as if just accepted. https://redis.io/commands/reset */
function reset(gate: Authenticator): CommandSpec['run'] {
  return ({ session }, _args, reply) => {
    session.name = ''
    session.databaseIndex = 0
    session.protocol = 2
    if (gate.openTenant === undefined) session.leave()
    else session.join(gate.openTenant, DEFAULT_USER)
    reply.simple('RESET')
  }
}

/** AUTH [user] password → OK. https://redis.io/commands/auth */
function auth(gate: Authenticator): CommandSpec['run'] {
  return (context, args, reply) => {
    if (args.count > 3) {
      reply.error(SYNTAX_ERROR)
    } else if (args.count === 2 && gate.openTenant !== undefined) {
      reply.error(NO_PASSWORD)
    } else {
      const user = args.count === 2 ? DEFAULT_USER : args.text(1)
      if (logIn(gate, context, user, args, args.count - 1, reply)) reply.ok()
    }
  }
}

/** Lets the session in, or writes the error and returns false. */
function logIn(
  gate: Authenticator,
  { session }: CommandContext,
  user: string,
  args: Args,
  passwordIndex: number,
  reply: ReplyWriter,
): boolean {
  const password = args.buffer.subarray(args.start(passwordIndex), args.end(passwordIndex))
  const tenant = gate.authenticate(user, password)
  if (tenant === undefined) {
    reply.error(WRONG_PASS)
    return false
  }
  if (!session.join(tenant, user)) {
    reply.error(NO_ROOM)
    session.closeAfterReply()
    return false
  }
  return true
}

interface HelloOptions {
  /** undefined: stay with the present one. */
  protocol: 2 | 3 | undefined
  /** Index of the user's name, the password follows; 0: no AUTH option. */
  userIndex: number
  name: string | undefined
}

/** HELLO [protocol [AUTH user password] [SETNAME name]] → a map. https://redis.io/commands/hello */
function hello(gate: Authenticator): CommandSpec['run'] {
  return (context, args, reply) => {
    const { session } = context
    const options = parseHello(args)
    if (typeof options === 'string') {
      reply.error(options)
      return
    }
    const { userIndex } = options
    if (userIndex > 0) {
      const user = args.text(userIndex)
      if (!logIn(gate, context, user, args, userIndex + 1, reply)) return
    }
    if (session.tenant === undefined) {
      reply.error(NO_AUTH_HELLO)
      return
    }
    session.name = options.name ?? session.name
    session.protocol = options.protocol ?? session.protocol
    writeGreeting(context, reply)
  }
}

/** The options, or the error's text. */
function parseHello(args: Args): HelloOptions | string {
  const options: HelloOptions = { protocol: undefined, userIndex: 0, name: undefined }
  if (args.count === 1) return options
  const version = args.integer(1)
  if (Number.isNaN(version)) return 'ERR Protocol version is not an integer or out of range'
  if (version !== 2 && version !== 3) return 'NOPROTO unsupported protocol version'
  options.protocol = version
  for (let at = 2; at < args.count; at++) {
    const following = args.count - 1 - at
    if (args.is(at, 'auth') && following >= 2) {
      options.userIndex = at + 1
      at += 2
    } else if (args.is(at, 'setname') && following >= 1) {
      at++
      if (!isValidName(args, at)) return INVALID_NAME
      options.name = args.text(at)
    } else {
      return `ERR Syntax error in HELLO option '${echoOf(args, at)}'`
    }
  }
  return options
}

function writeGreeting({ session }: CommandContext, reply: ReplyWriter): void {
  reply.map(7)
  reply.bulkText('server')
  reply.bulkText('redis')
  reply.bulkText('version')
  reply.bulkText(REDIS_VERSION)
  reply.bulkText('proto')
  reply.integer(session.protocol)
  reply.bulkText('id')
  reply.integer(session.id)
  reply.bulkText('mode')
  reply.bulkText('standalone')
  reply.bulkText('role')
  reply.bulkText('master')
  reply.bulkText('modules')
  reply.array(0)
}
