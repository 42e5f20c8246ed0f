/** Connections to members over TLS 1.3, certificates on both sides, the member's name checked. */
import { connect, type TLSSocket } from 'node:tls'
import {
  encodeFrame,
  FrameDecoder,
  FrameError,
  memberIdentity,
  parseMemberMessage,
  ports,
  uriNames,
} from '@miniredis/crds'
import type { ConnectionEvents, Dial, MemberConnection } from './connection.ts'
import type { MemberTarget } from './member-report.ts'

export interface OperatorCredentials {
  /** PEM. The certificate carries operatorIdentity(namespace). */
  readonly cert: string | Buffer
  readonly key: string | Buffer
  /** All CAs that members' certificates may come from; two during a rotation. */
  readonly ca: string | Buffer
}

export interface TlsDiallerOptions {
  readonly namespace: string
  /** Asked at every dial, so that renewed certificates are used from then on. */
  readonly credentials: () => OperatorCredentials
}

export function createTlsDialler(options: TlsDiallerOptions): Dial {
  return (member, target, events) => {
    try {
      return openConnection(connectTo(member, target, options), events)
    } catch (error) {
      return neverConnected(error, events)
    }
  }
}

/** Throws when there are no credentials yet, or none that TLS can use. */
function connectTo(
  member: string,
  { address, pool, port }: MemberTarget,
  { namespace, credentials }: TlsDiallerOptions,
): TLSSocket {
  const identity = memberIdentity(namespace, pool, member)
  return connect({
    ...credentials(),
    host: address,
    port: port ?? ports.control,
    minVersion: 'TLSv1.3',
    // Members are dialled by address: what counts is the URI name.
    checkServerIdentity: (_, { subjectaltname }) =>
      uriNames(subjectaltname).includes(identity)
        ? undefined
        : new Error(`the certificate at ${address} does not name ${identity}`),
  })
}

function neverConnected(error: unknown, events: ConnectionEvents): MemberConnection {
  const reason = error instanceof Error ? error.message : String(error)
  setImmediate(() => events.closed(reason))
  return { send: () => undefined, close: () => undefined }
}

function openConnection(socket: TLSSocket, events: ConnectionEvents): MemberConnection {
  const decoder = new FrameDecoder()
  let reason = 'the member closed the connection'
  const close = (why: string): void => {
    if (socket.destroyed) return
    reason = why
    socket.destroy()
  }
  socket.setNoDelay(true)
  socket.on('error', (error) => {
    reason = error.message
  })
  socket.on('close', () => events.closed(reason))
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const body of decoder.push(chunk)) {
        if (socket.destroyed) return
        events.message(parseMemberMessage(body))
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      close(`${error.code}: ${error.message}`)
    }
  })
  return {
    send: (message) => {
      if (!socket.destroyed) socket.write(encodeFrame(message))
    },
    close,
  }
}
