/** Commands on keys and values, which need nothing but their context. */
import type { CommandSpec } from './command.ts'
import { counterCommands } from './counters.ts'
import { dumpCommands } from './dump.ts'
import { expiryCommands } from './expiry.ts'
import { keyCommands } from './keys.ts'
import { scanningCommands } from './scanning.ts'
import { stringCommands } from './strings.ts'

export const dataCommands: readonly CommandSpec[] = [
  ...stringCommands,
  ...counterCommands,
  ...keyCommands,
  ...expiryCommands,
  ...scanningCommands,
  ...dumpCommands,
]
