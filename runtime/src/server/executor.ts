/**
 * Runs the turns of connections: decode, dispatch, reply, up to a quantum of commands and time.
 *
 * What a turn needs is here once per process: read buffer, reply buffer, writer, context, and a
 * decoder for all connections that are between two commands.
 */
import type { CommandIndex } from '../commands/command-index.ts'
import { dispatch } from '../commands/dispatch.ts'
import type { ExecutionContext } from '../commands/execution-context.ts'
import { ReplyBuffer } from '../protocol/reply-buffer.ts'
import { FAILED, NEEDS_MORE, RequestDecoder } from '../protocol/request-decoder.ts'
import { RespWriter } from '../protocol/resp-writer.ts'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import { READ_BYTES, TURN_COMMANDS_MAX, TURN_MS_MAX, TURN_OUTPUT_BYTES } from './limits.ts'

/** Between two looks at the clock. */
const COMMANDS_PER_CLOCK_READ = 16
/** A decoder that once saw more arguments than this is not kept. */
const DECODER_ARGS_KEPT = 4096

export type TurnOutcome =
  /** Everything complete has run; the rest, if any, is the beginning of a command. */
  | 'drained'
  /** The quantum is over, or replies pile up; more may be complete. */
  | 'yielded'
  /** The last command is answered later; more may be complete. */
  | 'blocked'
  /** The connection asked to be closed, or sent what nobody understands. */
  | 'ended'

export class Executor {
  readonly readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)
  readonly output = new ReplyBuffer()
  readonly writer = new RespWriter(this.output)
  readonly clock: Clock
  /** The log's sequence that the replies of the last turn must wait for; 0: none. */
  awaitedSequence = 0
  readonly #index: CommandIndex
  readonly #context: ExecutionContext
  readonly #failed: (error: unknown) => void
  #spareDecoder: RequestDecoder | undefined

  /** `failed` hears of a command that threw: a bug, which ends the connection that met it. */
  constructor(
    clock: Clock,
    index: CommandIndex,
    context: ExecutionContext,
    failed: (error: unknown) => void,
  ) {
    this.clock = clock
    this.#index = index
    this.#context = context
    this.#failed = failed
  }

  /** A decoder between commands, at the front of a buffer. */
  borrowDecoder(): RequestDecoder {
    const decoder = this.#spareDecoder ?? new RequestDecoder()
    this.#spareDecoder = undefined
    decoder.restart()
    return decoder
  }

  returnDecoder(decoder: RequestDecoder): void {
    if (decoder.args.capacity <= DECODER_ARGS_KEPT) this.#spareDecoder = decoder
  }

  /** Runs commands from `buffer` up to `end`. Replies are in `output` afterwards. */
  run(connection: Connection, decoder: RequestDecoder, buffer: Buffer, end: number): TurnOutcome {
    const context = this.#context
    context.session = connection
    context.nowMs = this.clock.nowMs()
    connection.lastTurnAtMs = context.nowMs
    this.writer.version = connection.protocol
    this.writer.errorCount = 0
    this.awaitedSequence = 0
    try {
      return this.#runCommands(connection, decoder, buffer, end)
    } catch (error) {
      this.#failed(error)
      if (this.#context.effects.length > 0) this.#record(connection)
      this.output.reset()
      connection.close()
      return 'ended'
    }
  }

  #runCommands(
    connection: Connection,
    decoder: RequestDecoder,
    buffer: Buffer,
    end: number,
  ): TurnOutcome {
    const { output, writer } = this
    const { effects } = this.#context
    let commands = 0
    let startedAtMs = 0
    for (;;) {
      const status = decoder.decode(buffer, end, connection.tenant !== undefined)
      if (status === NEEDS_MORE) return 'drained'
      if (status === FAILED) {
        writer.error(decoder.error)
        return 'ended'
      }
      if (decoder.args.count > 0) {
        effects.isOn = connection.tenant?.recorder !== undefined
        dispatch(this.#index, this.#context, decoder.args, writer)
        if (effects.length > 0) this.#record(connection)
        if (connection.tenant !== undefined) connection.tenant.stats.commands++
        if (connection.isClosing) return 'ended'
        if (connection.isBlocked) return 'blocked'
      }
      commands++
      if (commands === TURN_COMMANDS_MAX || output.totalBytes > TURN_OUTPUT_BYTES) break
      if (commands % COMMANDS_PER_CLOCK_READ === 0) {
        const nowMs = this.clock.monotonicMs()
        if (startedAtMs === 0) startedAtMs = nowMs
        else if (nowMs - startedAtMs > TURN_MS_MAX) break
      }
    }
    return decoder.position === end ? 'drained' : 'yielded'
  }

  /** Hands on what the command has changed, be it only the first part of what it meant to. */
  #record({ tenant, databaseIndex }: Connection): void {
    const { effects, nowMs } = this.#context
    const sequence = tenant?.recorder?.record(databaseIndex, effects, nowMs) ?? 0
    if (sequence > this.awaitedSequence) this.awaitedSequence = sequence
    effects.reset()
  }
}
