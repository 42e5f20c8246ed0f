/** The one table of commands, assembled from the rooms that define them. */
import { clientCommands } from './client.ts'
import type { CommandSpec } from './command.ts'
import { CommandIndex } from './command-index.ts'
import { type Authenticator, createConnectionCommands } from './connection.ts'
import { counterCommands } from './counters.ts'
import { expiryCommands } from './expiry.ts'
import { createIntrospectionCommands } from './introspection.ts'
import { keyCommands } from './keys.ts'
import { scanningCommands } from './scanning.ts'
import { createServerCommands } from './server.ts'
import type { ServerFacts } from './server-facts.ts'
import { stringCommands } from './strings.ts'

/** Commands on keys and values, which need nothing but their context. */
const dataCommands: readonly CommandSpec[] = [
  ...stringCommands,
  ...counterCommands,
  ...keyCommands,
  ...expiryCommands,
  ...scanningCommands,
]

/** All commands that this process serves, ready for dispatch. */
export function createCommandIndex(gate: Authenticator, facts: ServerFacts): CommandIndex {
  const index: CommandIndex = new CommandIndex([
    ...createConnectionCommands(gate),
    ...clientCommands,
    ...createServerCommands(facts),
    ...createIntrospectionCommands(() => index),
    ...dataCommands,
  ])
  return index
}
