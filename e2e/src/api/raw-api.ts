/**
 * The API of the cluster under test over plain HTTPS, without a client library that smooths
 * differences: what a table of requests needs to compare answers with expectations.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import { text } from 'node:stream/consumers'
import { KubeConfig } from '@kubernetes/client-node'

// answers of every kind come through here; the tables know what they read
export type Json = Record<string, unknown>

export interface RawRequest {
  readonly method: string
  readonly path: string
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface RawAnswer {
  readonly code: number
  /** Empty when the answer is no JSON object. */
  readonly body: Json
  readonly text: string
  readonly warnings: string
}

export class RawApi {
  readonly #config = new KubeConfig()

  constructor(kubeconfig: string) {
    this.#config.loadFromFile(kubeconfig)
  }

  async call(asked: RawRequest): Promise<RawAnswer> {
    const response = await this.#open(asked)
    const received = await text(response)
    const warnings = String(response.headers.warning ?? '')
    return { code: response.statusCode ?? 0, body: parse(received), text: received, warnings }
  }

  /** The events of a watch until it ends: let it end by timeoutSeconds or by `enough`. */
  async watch(path: string, enough: (events: readonly Json[]) => boolean): Promise<Json[]> {
    const response = await this.#open({ method: 'GET', path })
    assert.equal(response.statusCode, 200, path)
    const events: Json[] = []
    let rest = ''
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = `${rest}${chunk}`.split('\n')
      rest = lines.pop() ?? ''
      events.push(...lines.map(parse))
      if (enough(events)) break
    }
    return events
  }

  async #open({ method, path, body, headers }: RawRequest): Promise<IncomingMessage> {
    const server = this.#config.getCurrentCluster()?.server ?? ''
    const payload = typeof body === 'string' ? body : JSON.stringify(body)
    const options: RequestOptions = { method, headers: { ...framing(payload), ...headers } }
    await this.#config.applyToHTTPSOptions(options)
    const sent = request(`${server}${path}`, options)
    sent.end(payload)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return response
  }
}

/** With a length always: Node sends the body of a DELETE without one. */
const framing = (payload: string | undefined) =>
  payload !== undefined && {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(payload)),
  }

function parse(received: string): Json {
  try {
    const value: unknown = JSON.parse(received)
    return typeof value === 'object' && value !== null ? (value as Json) : {}
  } catch {
    return {}
  }
}
