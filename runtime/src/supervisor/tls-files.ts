/** The member's certificate, its key and the CAs it trusts, as files that are renewed in place. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { Logger } from '../telemetry/logger.ts'
import { TLS_RELOAD_INTERVAL_MS } from './limits.ts'

export interface TlsMaterial {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca: Buffer
}

/** Reads tls.crt, tls.key and ca.crt. Throws when one is missing or they do not fit together. */
export async function readTlsMaterial(directory: string): Promise<TlsMaterial> {
  const [cert, key, ca] = await Promise.all([
    readFile(join(directory, 'tls.crt')),
    readFile(join(directory, 'tls.key')),
    readFile(join(directory, 'ca.crt')),
  ])
  createSecureContext({ cert, key, ca })
  return { cert, key, ca }
}

export interface TlsWatchOptions {
  readonly directory: string
  readonly current: TlsMaterial
  readonly onChange: (material: TlsMaterial) => void
  readonly logger: Logger
  /** Default: TLS_RELOAD_INTERVAL_MS. */
  readonly intervalMs?: number
}

/**
 * Reads the files again and again, and tells of a change. Polling, because a mounted Secret is
 * swapped by a symbolic link that file watchers miss. Files that do not fit together (half
 * written) leave the old ones in force. Returns what ends it.
 */
export function watchTlsMaterial(options: TlsWatchOptions): () => void {
  let known = digest(options.current)
  let refused = ''
  const check = async (): Promise<void> => {
    try {
      const material = await readTlsMaterial(options.directory)
      if (digest(material) === known) return
      known = digest(material)
      refused = ''
      options.onChange(material)
      options.logger.info({}, 'certificates were renewed')
    } catch (error) {
      const reason = String(error)
      if (reason !== refused) options.logger.error({ reason }, 'new certificates were not usable')
      refused = reason
    }
  }
  const timer = setInterval(() => void check(), options.intervalMs ?? TLS_RELOAD_INTERVAL_MS)
  return () => clearInterval(timer)
}

function digest({ cert, key, ca }: TlsMaterial): string {
  const hash = createHash('sha256')
  for (const part of [cert, key, ca]) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex')
}
