/** Where a turn ends: after so many commands, so many bytes, so much time. */
import assert from 'node:assert/strict'
import { CommandIndex } from '../commands/command-index.ts'
import { ExecutionContext } from '../commands/execution-context.ts'
import { Effects } from '../engine/effect.ts'
import { newHost } from '../engine/testing/keyspaces.ts'
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import { assignmentOf } from '../supervisor/testing/assignments.ts'
import { Tenant } from '../tenancy/tenant.ts'
import type { Connection } from './connection.ts'
import { Executor, type TurnOutcome } from './executor.ts'
import { TURN_COMMANDS_MAX, TURN_MS_MAX, TURN_OUTPUT_BYTES } from './limits.ts'

const PING = '*1\r\n$4\r\nPING\r\n'

class Turns {
  readonly executor: Executor
  readonly failures: unknown[] = []
  runs = 0
  /** What a command takes. */
  commandMs = 0
  reply = 'PONG'
  isClosed = false
  #nowMs = 0

  constructor() {
    const index = new CommandIndex([
      {
        name: 'ping',
        arity: 1,
        flags: [],
        keys: undefined,
        group: 'connection',
        since: '1.0.0',
        run: (_context, _args: Args, reply: ReplyWriter) => this.#run(reply),
      },
    ])
    const tenant = new Tenant(newHost(), assignmentOf('a'))
    const clock = { nowMs: () => 0, monotonicMs: () => this.#nowMs + 1 }
    const context = new ExecutionContext(tenant, new Effects())
    this.executor = new Executor(clock, index, context, (error) => this.failures.push(error))
    this.#session = { protocol: 2, tenant, isClosing: false, close: () => (this.isClosed = true) }
  }

  readonly #session: unknown

  #run(reply: ReplyWriter): void {
    this.runs++
    this.#nowMs += this.commandMs
    if (this.reply === 'throw') throw new Error('a bug')
    reply.bulkText(this.reply)
  }

  turn(wire: string): TurnOutcome {
    const bytes = Buffer.from(wire)
    const decoder = this.executor.borrowDecoder()
    return this.executor.run(this.#session as Connection, decoder, bytes, bytes.length)
  }
}

describe('a turn', () => {
  it('runs as many commands as it may, and leaves the next to a later one', () => {
    const turns = new Turns()
    assert.equal(turns.turn(PING.repeat(TURN_COMMANDS_MAX)), 'drained')
    assert.equal(turns.turn(PING.repeat(TURN_COMMANDS_MAX + 1)), 'yielded')
    assert.equal(turns.runs, 2 * TURN_COMMANDS_MAX)
  })

  it('ends when its replies have become long', () => {
    const turns = new Turns()
    turns.reply = 'x'.repeat(TURN_OUTPUT_BYTES / 2)
    assert.equal(turns.turn(PING.repeat(3)), 'yielded')
    assert.equal(turns.runs, 2)
  })

  it('ends when its time is over', () => {
    const turns = new Turns()
    turns.commandMs = TURN_MS_MAX / 16
    assert.equal(turns.turn(PING.repeat(TURN_COMMANDS_MAX)), 'yielded')
    const inTime = turns.runs
    turns.runs = 0
    turns.commandMs = 0
    assert.equal(turns.turn(PING.repeat(TURN_COMMANDS_MAX)), 'drained')
    assert.ok(inTime < turns.runs, `${inTime} commands`)
  })

  it('ends the connection whose command throws, and tells of it', () => {
    const turns = new Turns()
    turns.reply = 'throw'
    assert.equal(turns.turn(PING.repeat(2)), 'ended')
    assert.equal(turns.failures.length, 1)
    assert.equal(turns.runs, 1)
    assert.equal(turns.isClosed, true)
    assert.equal(turns.executor.output.totalBytes, 0)
  })
})
