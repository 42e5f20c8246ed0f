/** Structured logs: a constant sentence, variables as fields. Never a password or its hash. */
import { destination, pino, stdTimeFunctions } from 'pino'

export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** JSON lines on standard output. Synchronous, so that the last words of a process are not lost. */
export function createLogger(bindings: Readonly<Record<string, string>>): Logger {
  const options = {
    base: bindings,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return pino(options, destination({ fd: 1, sync: true }))
}

/** For tests that do not look at logs. */
export const silentLogger: Logger = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}
