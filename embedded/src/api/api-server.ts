/** The HTTP face of the store: authentication, routing, errors. Listens on loopback only. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Registry } from '../registry/registry.ts'
import { ApiError } from '../store/api-error.ts'
import type { ApiStore } from '../store/api-store.ts'
import { noSuchResource } from '../store/cluster-store.ts'
import { bodyKind, negotiate, notAcceptable } from './content-type.ts'
import {
  aggregatedDiscovery,
  apiGroup,
  coreVersions,
  groupList,
  resourceList,
  versionInfo,
} from './discovery.ts'
import { Exchange } from './exchange.ts'
import type { PodLogs } from './log-endpoint.ts'
import { openApiIndex, openApiV2, openApiV3 } from './openapi.ts'
import { parseResourcePath } from './request-path.ts'
import { serveResource } from './resource-endpoint.ts'
import { answerReview, type Caller, isReview } from './reviews.ts'
import { type ApiTimers, systemTimers } from './timers.ts'

export interface ApiServerOptions {
  readonly store: ApiStore
  readonly registry: Registry
  /** Whoever sends `Authorization: Bearer <token>` is system:admin. */
  readonly token: string
  /** PEM. Without it plain HTTP, over which kubectl sends no token. */
  readonly tls?: { readonly certificate: string; readonly privateKey: string } | undefined
  readonly logs?: PodLogs | undefined
  readonly timers?: ApiTimers | undefined
  /** An answer to /readyz; default: ready. */
  readonly isReady?: (() => boolean) | undefined
  /** Bugs, which clients see as a bare 500. */
  readonly onError?: ((error: unknown) => void) | undefined
}

const admin: Caller = { user: 'system:admin', groups: ['system:masters', 'system:authenticated'] }

export const CONNECTIONS_MAX = 1_000
/** Longer than clients keep idle connections, so that none is closed just as they use it again. */
const IDLE_MS = 120_000
export const URL_LENGTH_MAX = 16 * 1024
const limits = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  // the longest URL and as much again for headers; Node counts both
  maxHeaderSize: 2 * URL_LENGTH_MAX,
}

export class ApiServer {
  readonly #options: ApiServerOptions
  readonly #server: Server
  readonly #tokenHash: Buffer

  constructor(options: ApiServerOptions) {
    this.#options = options
    this.#tokenHash = hash(options.token)
    const serve = (request: IncomingMessage, response: ServerResponse) =>
      void this.#serve(request, response)
    const { tls } = options
    this.#server =
      tls === undefined
        ? createServer(limits, serve)
        : createTlsServer({ ...limits, cert: tls.certificate, key: tls.privateKey }, serve)
    this.#server.maxConnections = CONNECTIONS_MAX
    this.#server.keepAliveTimeout = IDLE_MS
  }

  /** @param port 0 for any free one @returns where it listens: 'https://127.0.0.1:6443' */
  listen(host: string, port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        const { address, port: chosen } = this.#server.address() as AddressInfo
        const scheme = this.#options.tls === undefined ? 'http' : 'https'
        resolve(`${scheme}://${address}:${chosen}`)
      })
    })
  }

  /** Cuts every connection, watches included. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = parseUrl(request.url ?? '/')
    const exchange = new Exchange(request, response, url, admin)
    try {
      if (url.href.length > URL_LENGTH_MAX)
        throw new ApiError(414, 'RequestURITooLong', 'the URL is too long')
      if (this.#serveOpenly(exchange)) return
      this.#authenticate(request)
      await this.#route(exchange)
    } catch (error) {
      if (error instanceof ApiError) exchange.sendError(error)
      else this.#fail(exchange, error)
    }
  }

  #fail(exchange: Exchange, error: unknown): void {
    const isGone = exchange.request.destroyed && !exchange.request.complete
    if (!isGone) this.#options.onError?.(error)
    exchange.sendError(
      new ApiError(500, 'InternalError', 'Internal error occurred: see the log of the cluster'),
    )
  }

  /** What needs no token: health and version. True when answered. */
  #serveOpenly(exchange: Exchange): boolean {
    switch (exchange.url.pathname.replace(/\/$/, '')) {
      case '/version':
        exchange.sendJson(200, versionInfo)
        return true
      case '/livez':
      case '/healthz':
        exchange.sendText(200, 'ok')
        return true
      case '/readyz': {
        const isReady = this.#options.isReady?.() ?? true
        exchange.sendText(isReady ? 200 : 503, isReady ? 'ok' : 'not ready')
        return true
      }
      default:
        return false
    }
  }

  #authenticate({ headers: { authorization = '' } }: IncomingMessage): void {
    const [scheme = '', token = ''] = authorization.split(' ', 2)
    const isGood =
      scheme.toLowerCase() === 'bearer' && timingSafeEqual(hash(token), this.#tokenHash)
    if (!isGood) throw new ApiError(401, 'Unauthorized', 'Unauthorized')
  }

  async #route(exchange: Exchange): Promise<void> {
    const { pathname } = exchange.url
    if (pathname.startsWith('/openapi/')) {
      this.#serveOpenApi(exchange)
      return
    }
    const parts = pathname.split('/').filter((part) => part !== '')
    if ((parts[0] === 'api' && parts.length <= 2) || (parts[0] === 'apis' && parts.length <= 3)) {
      this.#serveDiscovery(exchange, parts)
      return
    }
    if (pathname === '/') {
      exchange.sendJson(200, { paths: ['/api', '/apis', '/healthz', '/openapi/v3', '/version'] })
      return
    }
    const path = parseResourcePath(pathname)
    if (path === undefined) throw noSuchResource()
    if (isReview(path.resource)) {
      if (exchange.method !== 'POST') throw noSuchResource()
      const body = await exchange.readBody(bodyKind(exchange.request.headers['content-type']))
      exchange.sendJson(201, answerReview(path.resource, body.value, exchange.caller))
      return
    }
    const { timers = systemTimers, logs, store, registry } = this.#options
    await serveResource(exchange, path, { store, registry, timers, logs })
  }

  #serveDiscovery(exchange: Exchange, [root, group, version]: readonly string[]): void {
    const { registry } = this.#options
    const isCore = root === 'api'
    if (group === undefined) {
      const answer = negotiate(exchange.request.headers.accept, ['discovery', 'object'])
      const plain = isCore ? coreVersions(exchange.request.headers.host ?? '') : groupList(registry)
      const isPlain = answer.form === 'object'
      exchange.sendJson(
        200,
        isPlain ? plain : aggregatedDiscovery(registry, isCore),
        answer.contentType,
      )
      return
    }
    negotiate(exchange.request.headers.accept, ['object'])
    const found = isCore
      ? resourceList(registry, { group: '', version: group })
      : version === undefined
        ? apiGroup(registry, group)
        : resourceList(registry, { group, version })
    if (found === undefined) throw noSuchResource()
    exchange.sendJson(200, found)
  }

  #serveOpenApi(exchange: Exchange): void {
    const { registry } = this.#options
    const [, kind, root, second = '', third = ''] = exchange.url.pathname.split('/').slice(1)
    const accept = exchange.request.headers.accept ?? '*/*'
    // protobuf only: clients fall back to JSON when told so
    if (!/json|\*\/\*/.test(accept)) throw notAcceptable()
    const document =
      kind === 'v2'
        ? openApiV2(registry)
        : root === undefined
          ? openApiIndex(registry)
          : root === 'api'
            ? openApiV3(registry, '', second)
            : openApiV3(registry, second, third)
    if (document === undefined || (kind !== 'v2' && kind !== 'v3')) throw noSuchResource()
    exchange.sendJson(200, document)
  }
}

/** Equal lengths, so that comparing takes the same time whatever the token. */
const hash = (token: string): Buffer => createHash('sha256').update(token).digest()

function parseUrl(text: string): URL {
  const base = 'http://cluster.local'
  return URL.canParse(text, base) ? new URL(text, base) : new URL(base)
}
