/**
 * HTTP requests to the API server: credentials, deadlines, size limits, metrics. Knows no kinds.
 *
 * node:https rather than fetch: a request is one connection that can be destroyed, and the CA is
 * given per request, so that a rotated one counts from the next connection on.
 */
import http, { type IncomingMessage, type RequestOptions } from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import type { Cancel, Clock } from '../control/clock.ts'
import type { ApiAccess } from './access.ts'
import { KubeError } from './errors.ts'
import { parseStatus, statusError } from './status-error.ts'

/** Longer than any healthy answer; a page of 500 large objects from a busy server takes seconds. */
export const REQUEST_DEADLINE_MS = 15_000
/** A page of 500 objects of 100 kB. */
export const ANSWER_BYTES_MAX = 64 * 1024 * 1024
/** Watches do not count. */
export const CONNECTIONS_MAX = 32
const KEEP_ALIVE_MS = 30_000

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly contentType?: string
  readonly body?: unknown
  /** For metrics: `list`, `apply` and so on, and the plural of the kind. */
  readonly verb: string
  readonly resource: string
}

/** Hears of every request that ended. Must not throw. */
export interface RequestObserver {
  requested(request: EndedRequest): void
}

export interface EndedRequest {
  readonly verb: string
  readonly resource: string
  /** HTTP status, or the code of the error when there was no answer. */
  readonly result: string
  readonly durationMs: number
}

export interface TransportOptions {
  readonly access: ApiAccess
  readonly clock: Clock
  readonly userAgent: string
  readonly observer?: RequestObserver
  readonly deadlineMs?: number
}

export class Transport {
  readonly #options: TransportOptions
  readonly #deadlineMs: number
  readonly #agent: http.Agent
  readonly #watchAgent: http.Agent

  constructor(options: TransportOptions) {
    this.#options = options
    this.#deadlineMs = options.deadlineMs ?? REQUEST_DEADLINE_MS
    const { Agent } = options.access.server.protocol === 'http:' ? http : https
    const keepAlive = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS }
    this.#agent = new Agent({ ...keepAlive, maxSockets: CONNECTIONS_MAX })
    this.#watchAgent = new Agent(keepAlive)
  }

  /** @returns the parsed JSON of a 2xx answer @throws KubeError for everything else */
  async request(request: ApiRequest): Promise<unknown> {
    return this.#observe(request, (deadline) =>
      deadline.guard(async (signal) => {
        const answer = await this.#send(request, this.#agent, signal)
        const body = await text(limited(answer, ANSWER_BYTES_MAX))
        if (!isSuccess(answer)) throw failure(request, answer, body)
        return parseJson(request, body)
      }),
    )
  }

  /**
   * The body of a 2xx answer as it comes. The deadline covers the headers only. Aborting the signal
   * destroys the connection.
   */
  async stream(request: ApiRequest, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    return this.#observe(request, (deadline) =>
      deadline.guard(async (early) => {
        const whole = AbortSignal.any([early, signal])
        const answer = await this.#send(request, this.#watchAgent, whole)
        if (isSuccess(answer)) return answer
        throw failure(request, answer, await text(limited(answer, ANSWER_BYTES_MAX)))
      }),
    )
  }

  /** Ends the connections that are kept for later requests. */
  close(): void {
    this.#agent.destroy()
    this.#watchAgent.destroy()
  }

  async #observe<T>(request: ApiRequest, run: (deadline: Deadline) => Promise<T>): Promise<T> {
    const { clock, observer } = this.#options
    const startMs = clock.monotonic()
    const ended = (result: string) =>
      observer?.requested({
        verb: request.verb,
        resource: request.resource,
        result,
        durationMs: clock.monotonic() - startMs,
      })
    try {
      const value = await run(new Deadline(clock, this.#deadlineMs))
      ended('ok')
      return value
    } catch (cause) {
      const error = cause instanceof KubeError ? cause : lost(request, cause)
      ended(error.code)
      throw error
    }
  }

  async #send(
    request: ApiRequest,
    agent: http.Agent,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { access, userAgent } = this.#options
    const { headers, tls, proxy } = await access.credentials()
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body))
    const options: RequestOptions = {
      ...tls,
      method: request.method,
      agent: proxy ?? agent,
      signal,
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': userAgent,
        ...(body && {
          'content-type': request.contentType ?? 'application/json',
          'content-length': body.length,
        }),
      },
    }
    return roundTrip(urlOf(access.server, request), options, body)
  }
}

/** A time limit whose signal is not aborted any more once the work it guards has ended. */
class Deadline {
  readonly #clock: Clock
  readonly #ms: number

  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#ms = ms
  }

  async guard<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController()
    const expired = new KubeError('Timeout', `no answer within ${this.#ms} ms`)
    const cancel: Cancel = this.#clock.after(this.#ms, () => abort.abort(expired))
    try {
      return await work(abort.signal)
    } catch (error) {
      if (abort.signal.aborted) throw expired
      throw error
    } finally {
      cancel()
    }
  }
}

function roundTrip(
  url: URL,
  options: RequestOptions,
  body: Buffer | undefined,
): Promise<IncomingMessage> {
  const { request } = url.protocol === 'http:' ? http : https
  return new Promise((resolve, reject) => {
    const sent = request(url, options).on('response', resolve)
    sent.on('error', (error: NodeJS.ErrnoException) => {
      // A kept connection that the server closed just as we used it. A read may simply go again;
      // whether a write was carried out is not known.
      const mayGoAgain = sent.reusedSocket && error.code === 'ECONNRESET' && sent.method === 'GET'
      if (mayGoAgain) resolve(roundTrip(url, options, body))
      else reject(error)
    })
    sent.end(body)
  })
}

function urlOf(server: URL, { path, query = {} }: ApiRequest): URL {
  const url = new URL(server.pathname.replace(/\/$/, '') + path, server)
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value))
  }
  return url
}

const isSuccess = ({ statusCode = 0 }: IncomingMessage): boolean =>
  statusCode >= 200 && statusCode < 300

const describe = ({ verb, path }: ApiRequest): string => `${verb} ${path}`

function failure(request: ApiRequest, answer: IncomingMessage, body: string): KubeError {
  return statusError({
    status: answer.statusCode ?? 0,
    body: parseStatus(body) ?? body,
    retryAfter: answer.headers['retry-after'],
    request: describe(request),
  })
}

function lost(request: ApiRequest, cause: unknown): KubeError {
  const said = cause instanceof Error ? cause.message : String(cause)
  return new KubeError('Unavailable', `${describe(request)}: ${said}`, { cause })
}

function parseJson(request: ApiRequest, body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw new KubeError('Malformed', `${describe(request)}: the answer is not JSON`, { cause })
  }
}

async function* limited(answer: AsyncIterable<Buffer>, bytesMax: number) {
  let bytes = 0
  for await (const chunk of answer) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new KubeError('Malformed', `an answer exceeded ${bytesMax} bytes`)
    yield chunk
  }
}
