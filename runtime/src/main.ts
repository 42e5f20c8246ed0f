/**
 * The supervisor program: the first process of a runtime pod.
 *
 * Parts: configuration from the environment, the supervisor with its engine, telemetry, signals.
 * SIGTERM and SIGINT end the engine with grace, a second one at once. The engine starts no
 * processes, so nothing but the engine itself is ever left to reap.
 */
import { join } from 'node:path'
import { ports, type RuntimeConfiguration, runtimeConfigurationSchema } from '@miniredis/crds'
import { exitCodes, StartError } from './supervisor/exit-codes.ts'
import { Supervisor } from './supervisor/supervisor.ts'
import { createLogger } from './telemetry/logger.ts'
import { startTelemetry } from './telemetry/telemetry-server.ts'

// Beside this file: the source in a work tree, the bundle in an image.
const engineFile = import.meta.filename.endsWith('.ts') ? 'engine-main.ts' : 'engine.mjs'

const logger = createLogger({
  program: 'supervisor',
  member: process.env.MINIREDIS_MEMBER ?? '',
})

function parseConfiguration(): RuntimeConfiguration {
  const parsed = runtimeConfigurationSchema.safeParse(process.env)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new StartError(exitCodes.configuration, `the environment is wrong: ${issues.join('; ')}`)
}

async function run(): Promise<void> {
  const configuration = parseConfiguration()
  const supervisor = await Supervisor.start({
    configuration,
    engineProgram: join(import.meta.dirname, engineFile),
    ports,
    logger,
    nowMs: () => performance.now(),
  })
  const address = { host: configuration.MINIREDIS_BIND, port: ports.telemetry }
  const telemetry = await startTelemetry(() => supervisor.view, address)
  let isStopping = false
  const stop = (reason: string): void => {
    if (isStopping) {
      supervisor.killEngine()
      return
    }
    isStopping = true
    logger.info({ reason }, 'stopping')
    supervisor
      .stop()
      .then(() => telemetry.close())
      .then(() => process.exit(exitCodes.ok), fail)
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  if (configuration.MINIREDIS_EXIT_ON_STDIN_EOF === '1') {
    process.stdin.on('end', () => stop('standard input ended')).resume()
  }
  logger.info({ podUid: configuration.MINIREDIS_POD_UID }, 'supervisor started')
}

/** Says why and ends; the engine's guard ends the engine. */
function fail(error: unknown): never {
  const exitCode = error instanceof StartError ? error.exitCode : exitCodes.software
  const message = error instanceof Error ? error.message : String(error)
  const stack = error instanceof StartError || !(error instanceof Error) ? undefined : error.stack
  logger.error({ exitCode, reason: message, stack }, 'supervisor ended')
  process.exit(exitCode)
}

process.on('uncaughtException', fail)
run().catch(fail)
