/**
 * Runs effects again: what a command told in one life of the data makes the same change in the next.
 *
 * The table is that of clients' commands. Nothing expires on the way, since each key that went
 * because its time was over has an effect of its own.
 */
import type { KeyspaceHost } from '../engine/keyspace.ts'
import { Args } from '../protocol/args.ts'
import { ReplyBuffer } from '../protocol/reply-buffer.ts'
import { RespWriter } from '../protocol/resp-writer.ts'
import type { Session } from '../tenancy/session.ts'
import type { Tenant } from '../tenancy/tenant.ts'
import type { CommandContext } from './command.ts'
import { CommandIndex } from './command-index.ts'
import { dataCommands } from './data-commands.ts'

/** Before every time that a key may have: none is over. */
const BEFORE_ALL_TIMES = 0
const DATABASES_MAX = 16
const [STAR, DOLLAR, ZERO, RETURN, FEED] = [0x2a, 0x24, 0x30, 13, 10]
const DIGITS_MAX = 10

/** Effects that no command told, or that do not fit the data that they meet. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError'
}

export class Replay {
  readonly #index = new CommandIndex(dataCommands)
  readonly #host: KeyspaceHost
  readonly #args = new Args()
  readonly #out = new ReplyBuffer()
  readonly #writer = new RespWriter(this.#out)
  #at = 0

  constructor(host: KeyspaceHost) {
    this.#host = host
  }

  /** Runs the commands in `buffer[start, end)`. Throws ReplayError, having run those before. */
  run(tenant: Tenant, databaseIndex: number, buffer: Buffer, start: number, end: number): void {
    if (databaseIndex >= DATABASES_MAX) {
      throw new ReplayError(`effects in database ${databaseIndex}`)
    }
    const { effects } = this.#host
    effects.isOn = false
    const context: CommandContext = {
      nowMs: BEFORE_ALL_TIMES,
      tenant,
      session: nobodysSession,
      db: tenant.database(databaseIndex),
      effects,
    }
    this.#at = start
    while (this.#at < end) {
      this.#decode(buffer, end)
      this.#runCommand(context)
    }
  }

  #runCommand(context: CommandContext): void {
    const args = this.#args
    const command = this.#index.find(args, 0)
    if (command === undefined || args.count < command.argsMin || args.count > command.argsMax) {
      throw new ReplayError(`effects name no such command: ${JSON.stringify(nameOf(args))}`)
    }
    this.#out.reset()
    this.#writer.errorCount = 0
    command.run(context, args, this.#writer)
    if (this.#writer.errorCount === 0) return
    const error = this.#out.bytes.toString('latin1', 1, this.#out.length).trimEnd()
    throw new ReplayError(`the effect ${nameOf(args)} failed: ${error}`)
  }

  /** One RESP array of bulk strings at `#at`, into `#args`. */
  #decode(buffer: Buffer, end: number): void {
    const args = this.#args
    args.reset(buffer)
    const count = this.#length(buffer, end, STAR)
    for (let index = 0; index < count; index++) {
      const bytes = this.#length(buffer, end, DOLLAR)
      const start = this.#at
      this.#at = start + bytes
      if (this.#at + 2 > end) throw new ReplayError('effects end within a string')
      this.#at += 2
      args.push(start, start + bytes)
    }
    if (count === 0) throw new ReplayError('effects with an empty command')
  }

  #length(buffer: Buffer, end: number, type: number): number {
    let at = this.#at
    let value = 0
    if (at >= end || buffer[at++] !== type) throw new ReplayError('effects are no RESP arrays')
    const digits = at
    while (at < end && buffer[at] !== RETURN) {
      const digit = buffer[at++] - ZERO
      if (digit < 0 || digit > 9 || at - digits > DIGITS_MAX) {
        throw new ReplayError('effects have a length that is no number')
      }
      value = value * 10 + digit
    }
    if (at === digits || at + 2 > end || buffer[at + 1] !== FEED) {
      throw new ReplayError('effects have a length without an end')
    }
    this.#at = at + 2
    return value
  }
}

const nameOf = (args: Args): string =>
  args.buffer.toString('latin1', args.start(0), Math.min(args.end(0), args.start(0) + 64))

/** Data commands never look at their session. */
const nobodysSession = new Proxy({} as Session, {
  get: (_, name) => {
    throw new ReplayError(`an effect asked for session.${String(name)}`)
  },
})
