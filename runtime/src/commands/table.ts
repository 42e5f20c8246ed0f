/** The one table of commands, assembled from the rooms that define them. */
import { clientCommands } from './client.ts'
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

/** All commands that this process serves, ready for dispatch. */
export function createCommandIndex(gate: Authenticator, facts: ServerFacts): CommandIndex {
  const index: CommandIndex = new CommandIndex([
    ...createConnectionCommands(gate),
    ...clientCommands,
    ...createServerCommands(facts),
    ...stringCommands,
    ...counterCommands,
    ...keyCommands,
    ...expiryCommands,
    ...scanningCommands,
    ...createIntrospectionCommands(() => index),
  ])
  return index
}
