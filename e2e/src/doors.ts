/** A door that Kubernetes has just opened, seen by a client that may be quicker than kube-proxy. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Way } from './cluster.ts'
import { eventually } from './eventually.ts'

/**
 * Waits until something behind the way speaks RESP. kube-proxy writes its rules at most once a
 * second, so for a moment a new Service refuses what Ready promised.
 */
export async function untilOpen(way: Way): Promise<Way> {
  await eventually(async () => {
    const socket = connect({ host: way.host, port: way.port })
    try {
      socket.write('PING\r\n')
      const [reply] = (await once(socket, 'data', { signal: AbortSignal.timeout(2000) })) as [
        Buffer,
      ]
      if (!/^[-+]/.test(reply.toString('latin1'))) throw new Error(`not RESP: ${reply}`)
    } finally {
      socket.destroy()
    }
  })
  return way
}
