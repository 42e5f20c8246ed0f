/**
 * Locks that vanish with their process: names of abstract Unix sockets. They belong to the network
 * namespace, which is exactly where loopback addresses and ports can collide.
 */
import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { createServer, type Server } from 'node:net'

export interface Lock {
  release(): void
}

/** Loopback ranges: pods in 127.64 to 127.95, Services in 127.96 to 127.127. */
export const LOOPBACK_RANGES = 32

export interface LoopbackRange {
  readonly index: number
  /** First two octets of pod addresses. */
  readonly pods: string
  /** First two octets of Service addresses. */
  readonly services: string
  readonly lock: Lock
}

/** undefined when somebody holds it. */
export async function acquireLock(name: string): Promise<Lock | undefined> {
  const server = createServer((socket) => socket.destroy())
  const isHeld = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(true) : reject(error),
    )
    server.listen({ path: `\0miniredis-${name}` }, () => resolve(false))
  })
  if (isHeld) return undefined
  return { release: () => closeQuietly(server) }
}

/** One cluster at a time may use a home. */
export function acquireHome(directory: string): Promise<Lock | undefined> {
  const digest = createHash('sha256').update(realpathSync(directory)).digest('hex')
  return acquireLock(`home-${digest.slice(0, 32)}`)
}

/**
 * The remembered range, or the first free one. A remembered range that another cluster took
 * meanwhile cannot be replaced, because Services keep their addresses.
 */
export async function acquireLoopbackRange(remembered?: number): Promise<LoopbackRange> {
  const candidates =
    remembered === undefined
      ? Array.from({ length: LOOPBACK_RANGES }, (_, index) => index)
      : [remembered]
  for (const index of candidates) {
    const lock = await acquireLock(`loopback-${index}`)
    if (lock !== undefined) {
      return { index, pods: `127.${64 + index}`, services: `127.${96 + index}`, lock }
    }
  }
  throw new Error(
    remembered === undefined
      ? `all ${LOOPBACK_RANGES} loopback ranges are in use by other embedded clusters: stop one`
      : `the loopback range 127.${64 + remembered}.0.0/16 of this cluster is in use by another ` +
          'embedded cluster: stop that one, or start anew with make down DATA=delete',
  )
}

function closeQuietly(server: Server): void {
  server.close()
}
