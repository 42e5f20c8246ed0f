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
import type { HttpServer } from './telemetry/http-server.ts'
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

/** The reason of the first request to stop; every later one calls `insist`. */
function stopRequests(hasStdinGuard: boolean, insist: () => void): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let isRequested = false
  const request = (reason: string): void => {
    if (isRequested) insist()
    isRequested = true
    resolve(reason)
  }
  process.on('SIGTERM', () => request('SIGTERM'))
  process.on('SIGINT', () => request('SIGINT'))
  if (hasStdinGuard) process.stdin.on('end', () => request('standard input ended')).resume()
  return promise
}

async function run(): Promise<void> {
  const configuration = parseConfiguration()
  let supervisor: Supervisor | undefined
  const hasStdinGuard = configuration.MINIREDIS_EXIT_ON_STDIN_EOF === '1'
  // Before anything else: the first process of a container is deaf to signals that it does not ask for.
  const stopRequested = stopRequests(hasStdinGuard, () => supervisor?.killEngine())
  const running = await Supervisor.start({
    configuration,
    engineProgram: join(import.meta.dirname, engineFile),
    ports,
    logger,
    nowMs: () => performance.now(),
  })
  supervisor = running
  const telemetry = await startTelemetryOf(running, configuration.MINIREDIS_BIND)
  logger.info({ podUid: configuration.MINIREDIS_POD_UID }, 'supervisor started')
  logger.info({ reason: await stopRequested }, 'stopping')
  await running.stop()
  await telemetry.close()
  process.exit(exitCodes.ok)
}

async function startTelemetryOf(supervisor: Supervisor, host: string): Promise<HttpServer> {
  try {
    return await startTelemetry(() => supervisor.view, { host, port: ports.telemetry })
  } catch (error) {
    const message = `telemetry port ${host}:${ports.telemetry}: ${error}`
    throw new StartError(exitCodes.unavailable, message)
  }
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
