/** A small HTTP server for probes and scrapes: fixed paths, GET only, everything bounded. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const CONNECTIONS_MAX = 64
const REQUEST_MS_MAX = 5_000

export interface HttpAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

export type Routes = Readonly<Record<string, () => HttpAnswer | Promise<HttpAnswer>>>

export const text = (status: number, body: string): HttpAnswer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body: `${body}\n`,
})

export const json = (status: number, value: unknown): HttpAnswer => ({
  status,
  contentType: 'application/json; charset=utf-8',
  body: `${JSON.stringify(value)}\n`,
})

export interface HttpServer {
  readonly port: number
  close(): Promise<void>
}

/** Listens, and resolves when it does. Rejects when the address is taken. */
export async function startHttpServer(
  routes: Routes,
  address: { readonly host: string; readonly port: number },
): Promise<HttpServer> {
  const server = createServer(
    { headersTimeout: REQUEST_MS_MAX, requestTimeout: REQUEST_MS_MAX, maxHeaderSize: 8 << 10 },
    (request, response) => void answer(routes, request, response),
  )
  server.maxConnections = CONNECTIONS_MAX
  await listen(server, address)
  return {
    port: (server.address() as AddressInfo).port,
    close: () => close(server),
  }
}

async function answer(
  routes: Routes,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, contentType, body } = await find(routes, request)
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' })
  response.end(request.method === 'HEAD' ? undefined : body)
}

async function find(routes: Routes, { method, url }: IncomingMessage): Promise<HttpAnswer> {
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET')
  const path = (url ?? '').split('?', 1)[0] ?? ''
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined
  if (route === undefined) return text(404, `no such path; try ${Object.keys(routes).join(' ')}`)
  try {
    return await route()
  } catch (error) {
    return text(500, error instanceof Error ? error.message : String(error))
  }
}

const listen = (server: Server, { host, port }: { host: string; port: number }) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })

const close = (server: Server) =>
  new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
