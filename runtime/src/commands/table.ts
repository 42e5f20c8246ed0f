/** The one table of commands, assembled from the rooms that define them. */
import { clientCommands } from './client.ts'
import { CommandIndex } from './command-index.ts'
import { type Authenticator, createConnectionCommands } from './connection.ts'
import { dataCommands } from './data-commands.ts'
import { createIntrospectionCommands } from './introspection.ts'
import { createServerCommands } from './server.ts'
import type { ServerFacts } from './server-facts.ts'
import { createStorageCommands, type Shutdown, type StorageCommands } from './storage.ts'

/** All commands that this process serves, ready for dispatch. */
export function createCommandIndex(
  gate: Authenticator,
  facts: ServerFacts,
  storage: StorageCommands,
  shutdown: Shutdown | undefined,
): CommandIndex {
  const index: CommandIndex = new CommandIndex([
    ...createConnectionCommands(gate),
    ...clientCommands,
    ...createServerCommands(facts, storage),
    ...createStorageCommands(storage, shutdown),
    ...createIntrospectionCommands(() => index),
    ...dataCommands,
  ])
  return index
}
