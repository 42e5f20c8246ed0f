/**
 * The engine program: the supervisor's child, which serves the tenants.
 *
 * Parts: the guard that ends it with its supervisor, the host that obeys the IPC channel, the
 * server. Everything that it must know comes with the first message; it reads no environment.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { memberStorage } from './persistence/open-store.ts'
import { systemClock } from './server/clock.ts'
import { createEngineServer } from './server/engine-server.ts'
import { processFacts } from './server/process-facts.ts'
import { guardAgainstOrphanhood } from './supervisor/engine-guard.ts'
import { EngineHost } from './supervisor/engine-host.ts'
import { exitCodes } from './supervisor/exit-codes.ts'
import { createLogger } from './telemetry/logger.ts'

// Beside this file: the source in a work tree, the bundle in an image.
const isSource = import.meta.filename.endsWith('.ts')
const logProgram = join(import.meta.dirname, isSource ? 'log-worker-main.ts' : 'log-worker.mjs')

const logger = createLogger({ program: 'engine' })

function fail(error: unknown): never {
  logger.error({ err: error }, 'engine ended')
  process.exit(exitCodes.software)
}

process.on('uncaughtException', fail)
// The terminal and the kubelet signal the whole group or the first process: it decides for both.
process.on('SIGTERM', () => undefined)
process.on('SIGINT', () => undefined)

guardAgainstOrphanhood()
new EngineHost({
  channel: process,
  createEngine: ({ host, port, dataDirectory: directory }, report) =>
    createEngineServer({
      listen: { host, port },
      clock: systemClock,
      random: () => randomBytes(4).readUInt32LE(),
      facts: processFacts(),
      createStorage: memberStorage({ directory, logProgram, clock: systemClock, logger }, report),
      commandFailed: (error) => logger.error({ err: error }, 'command failed'),
    }),
  exit: (code) => process.exit(code),
  logger,
})
