/**
 * Finds a command by its name as it came in, whatever the case, without making a string.
 *
 * Open addressing by a hash of the folded bytes; built once, so probes are short and nothing is
 * ever removed.
 */
import type { Args } from '../protocol/args.ts'
import type { CommandSpec } from './command.ts'

/** A command with what dispatch needs of it, worked out once. */
export interface Command {
  readonly spec: CommandSpec
  /** `client|getname` for a subcommand. */
  readonly fullName: string
  readonly argsMin: number
  readonly argsMax: number
  readonly needsMemory: boolean
  readonly needsNoAuth: boolean
  readonly writes: boolean
  /** Runs while the tenant's data is not there. */
  readonly runsWhileLoading: boolean
  readonly subcommands: CommandIndex | undefined
  readonly run: CommandSpec['run']
}

const LOAD_FACTOR = 4
/** Longer names are no commands; bounds the work per look-up. */
const NAME_BYTES_MAX = 64

export class CommandIndex {
  readonly #slots: (Command | undefined)[]
  readonly #mask: number
  readonly #commands: readonly Command[]

  constructor(specs: readonly CommandSpec[], container = '') {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(1, specs.length) * LOAD_FACTOR))
    this.#mask = capacity - 1
    this.#slots = new Array<Command | undefined>(capacity).fill(undefined)
    this.#commands = specs.map((spec) => createCommand(spec, container))
    for (const command of this.#commands) this.#insert(command)
  }

  /** All commands in the order of the table. */
  commands(): readonly Command[] {
    return this.#commands
  }

  /** The command that argument `index` names, or undefined. */
  find(args: Args, index: number): Command | undefined {
    const start = args.start(index)
    const end = args.end(index)
    if (end - start > NAME_BYTES_MAX) return undefined
    const { buffer } = args
    let hash = 0
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (buffer[at] | 0x20)) | 0
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const command = this.#slots[slot]
      if (command === undefined || args.is(index, command.spec.name)) return command
    }
  }

  #insert(command: Command): void {
    let hash = 0
    for (const byte of Buffer.from(command.spec.name)) {
      hash = (Math.imul(hash, 31) + (byte | 0x20)) | 0
    }
    let slot = hash & this.#mask
    while (this.#slots[slot] !== undefined) slot = (slot + 1) & this.#mask
    this.#slots[slot] = command
  }
}

function createCommand(spec: CommandSpec, container: string): Command {
  const { name, arity, flags, subcommands } = spec
  return {
    spec,
    fullName: container === '' ? name : `${container}|${name}`,
    argsMin: Math.abs(arity),
    argsMax: arity < 0 ? Number.POSITIVE_INFINITY : arity,
    needsMemory: flags.includes('denyoom'),
    needsNoAuth: flags.includes('no_auth'),
    writes: flags.includes('write'),
    runsWhileLoading: flags.includes('loading'),
    subcommands: subcommands === undefined ? undefined : new CommandIndex(subcommands, name),
    run: spec.run,
  }
}
