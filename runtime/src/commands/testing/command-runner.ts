/** Runs commands against a keyspace of its own and shows the reply's bytes. No sockets. */
import { defaultPersistence } from '@miniredis/crds'
import { newHost } from '../../engine/testing/keyspaces.ts'
import { argsOf } from '../../protocol/args.ts'
import { ReplyBuffer } from '../../protocol/reply-buffer.ts'
import { RespWriter } from '../../protocol/resp-writer.ts'
import type { Session } from '../../tenancy/session.ts'
import { Tenant } from '../../tenancy/tenant.ts'
import { dataCommands } from '../data-commands.ts'
import { wrongArity } from '../dispatch.ts'

const assignment = {
  tenantUid: 'uid',
  tenantId: 'id',
  userName: 'cache.team',
  shard: 0,
  epoch: 1,
  firstSlot: 0,
  lastSlot: 16_383,
  passwordHashes: [],
  memoryLimitBytes: 0,
  connectionsMax: 1,
  databases: 16,
  persistence: defaultPersistence,
  served: true,
}

export class CommandRunner {
  nowMs = 1_700_000_000_000
  readonly host = newHost()
  readonly tenant = new Tenant(this.host, assignment)
  readonly effects = this.host.effects
  databaseIndex = 0
  readonly #out = new ReplyBuffer()
  readonly #writer = new RespWriter(this.#out)

  constructor(version: 2 | 3) {
    this.#writer.version = version
  }

  /** The reply to a command of one character per byte; lines end in a space for legibility. */
  run(...words: readonly string[]): string {
    return this.raw(...words)
      .replaceAll('\r\n', ' ')
      .trimEnd()
  }

  /** The reply as it goes over the wire, one character per byte. */
  raw(...words: readonly string[]): string {
    const spec = dataCommands.find(({ name }) => name === words[0]?.toLowerCase())
    if (spec === undefined) throw new Error(`no command ${words[0]}`)
    const { arity } = spec
    this.#out.reset()
    if (arity < 0 ? words.length < -arity : words.length !== arity) {
      this.#writer.error(wrongArity(spec.name))
    } else spec.run(this.#context(), argsOf(...words), this.#writer)
    return Buffer.concat([...this.#out.seal()]).toString('latin1')
  }

  /** The same for a command without blanks in its words; `""` is an empty one. */
  ask(line: string): string {
    return this.run(...line.split(' ').map((word) => (word === '""' ? '' : word)))
  }

  #context() {
    return {
      nowMs: this.nowMs,
      tenant: this.tenant,
      db: this.tenant.database(this.databaseIndex),
      effects: this.effects,
      session: noSession,
    }
  }
}

/** Data commands never look at their session. */
const noSession = new Proxy({} as Session, {
  get: (_, name) => {
    throw new Error(`a data command asked for session.${String(name)}`)
  },
})
