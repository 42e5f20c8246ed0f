/** A loopback HTTP server that answers as a test says, for what a well-behaved API never does. */
import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type Clock, systemClock } from '../control/clock.ts'
import { createApiAccess } from './access.ts'
import { KubeClient } from './kube-client.ts'
import { type EndedRequest, Transport } from './transport.ts'

export interface SeenRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export type Answer = (response: ServerResponse, request: SeenRequest) => void

export interface ScriptedServer {
  readonly port: number
  readonly requests: readonly SeenRequest[]
  readonly client: KubeClient
  readonly ended: readonly EndedRequest[]
  close(): Promise<void>
}

interface Options {
  readonly clock?: Clock
  readonly tls?: ServerOptions
  /** Fields of the kubeconfig's cluster and user. */
  readonly cluster?: object
  readonly user?: object
}

/** Runs a server for one test and closes it whatever happens. */
export async function withServer(
  answer: Answer,
  test: (server: ScriptedServer) => Promise<void>,
  options: Options = {},
): Promise<void> {
  const server = await startServer(answer, options)
  try {
    await test(server)
  } finally {
    await server.close()
  }
}

export async function startServer(
  answer: Answer,
  { clock = systemClock, tls, cluster, user }: Options = {},
): Promise<ScriptedServer> {
  const requests: SeenRequest[] = []
  const ended: EndedRequest[] = []
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '/', headers } = request
    const seen = { method, url: new URL(url, 'http://api'), headers, body: await text(request) }
    requests.push(seen)
    answer(response, seen)
  }
  const listener: RequestListener = (request, response) => void take(request, response)
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  const access = createApiAccess(
    { cluster: { server: url, ...cluster }, user: { token: 'secret-token', ...user } },
    clock,
    '/',
  )
  const transport = new Transport({
    access,
    clock,
    userAgent: 'test',
    observer: { requested: (request) => ended.push(request) },
  })
  const close = async () => {
    transport.close()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { port, requests, client: new KubeClient(transport), ended, close }
}

export function sendJson(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

export const status = (code: number, reason: string, details: object = {}): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  reason,
  message: `it is ${reason}`,
  details,
})
