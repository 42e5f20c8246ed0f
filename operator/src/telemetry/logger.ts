/** Structured logs: JSON lines on standard output. Secrets never get into them. */
import { type Logger, type LoggerOptions, pino } from 'pino'

export type { Logger }

/** Fields that hold secrets, wherever up to three levels deep somebody logs an object with them. */
const secretFields = [
  'password',
  'passwordHashes',
  'privateKey',
  'token',
  'authorization',
  'data',
  'stringData',
  'uri',
  'tls.key',
] as const

const paths = secretFields.flatMap((field) => {
  const step = field.includes('.') ? `["${field}"]` : `.${field}`
  return [step.replace(/^\./, ''), `*${step}`, `*.*${step}`]
})

export function createLogger(
  level: string,
  destination: { write(line: string): void } = process.stdout,
): Logger {
  const options: LoggerOptions = {
    level,
    base: { component: 'operator' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths, censor: '[redacted]' },
  }
  return pino(options, destination)
}
