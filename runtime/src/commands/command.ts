/**
 * What a command is: one row of data and one small function.
 *
 * The table of rows feeds dispatch, COMMAND, ACL and the documentation. A command reads its
 * arguments where the decoder found them, changes the keyspace, and writes its reply through the
 * ReplyWriter port; it never sees a socket, a clock or the wire (docs/adr/0001).
 */
import type { Effects } from '../engine/effect.ts'
import type { Keyspace } from '../engine/keyspace.ts'
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { Session } from '../tenancy/session.ts'
import type { Tenant } from '../tenancy/tenant.ts'

/** Flags as COMMAND INFO reports them. https://redis.io/commands/command/ */
export type CommandFlag =
  | 'write'
  | 'readonly'
  | 'denyoom'
  | 'admin'
  | 'pubsub'
  | 'noscript'
  | 'blocking'
  | 'loading'
  | 'stale'
  | 'fast'
  | 'no_auth'

export type CommandGroup = 'string' | 'generic' | 'connection' | 'server'

/** Where the keys are: indices into the argument list, the command's own name being 0. */
export interface KeyPositions {
  readonly first: number
  /** Negative counts from the end: -1 is the last argument. */
  readonly last: number
  readonly step: number
}

export interface CommandSpec {
  /** Lower case. */
  readonly name: string
  /** Argument count with the name; negative means "at least". */
  readonly arity: number
  readonly flags: readonly CommandFlag[]
  /** undefined: the command has no keys. */
  readonly keys: KeyPositions | undefined
  readonly group: CommandGroup
  readonly since: string
  /** A container such as CLIENT: argument 1 selects one of these, `run` serves the bare name. */
  readonly subcommands?: readonly CommandSpec[]
  readonly run: (context: CommandContext, args: Args, reply: ReplyWriter) => void
}

/** Everything a command may know. One object per process, refilled before each call. */
export interface CommandContext {
  /** Wall clock in milliseconds since the epoch, read once per turn. */
  readonly nowMs: number
  readonly tenant: Tenant
  readonly session: Session
  /** The session's selected database of the tenant. */
  readonly db: Keyspace
  /** Where the command tells what it changed. */
  readonly effects: Effects
}
