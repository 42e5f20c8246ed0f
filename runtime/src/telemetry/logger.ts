/** Structured logs: a constant sentence, variables as fields. Never a password or its hash. */
import { destination, pino } from 'pino'

export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** JSON lines on standard output. Synchronous, so that the last words of a process are not lost. */
export function createLogger(bindings: Readonly<Record<string, string>>): Logger {
  return pino({ base: bindings }, destination({ fd: 1, sync: true }))
}

/** For tests that do not look at logs. */
export const silentLogger: Logger = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}
