/** One HTTP request and its answer: reading the body within limits, sending JSON and Status objects. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ApiError, badRequest } from '../store/api-error.ts'
import type { BodyKind } from './content-type.ts'
import {
  BODY_BYTES_MAX,
  bodyTooLarge,
  type ParsedBody,
  parseJsonBody,
  parseYamlBody,
} from './json-body.ts'
import { parseProtobufBody } from './protobuf.ts'
import type { Caller } from './reviews.ts'

export const WARNINGS_MAX = 20
const WARNING_LENGTH_MAX = 256

export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  readonly caller: Caller
  readonly #warnings: string[] = []

  constructor(request: IncomingMessage, response: ServerResponse, url: URL, caller: Caller) {
    this.request = request
    this.response = response
    this.url = url
    this.caller = caller
  }

  get method(): string {
    return this.request.method ?? 'GET'
  }

  query(name: string): string | undefined {
    return this.url.searchParams.get(name) ?? undefined
  }

  isSet(name: string): boolean {
    const value = this.query(name)
    return value === 'true' || value === '1' || value === ''
  }

  /** @throws ApiError BadRequest when it is no whole number of at least 0 */
  number(name: string): number | undefined {
    const value = this.query(name)
    if (value === undefined || value === '') return undefined
    if (/^\d{1,9}$/.test(value)) return Number(value)
    throw badRequest(`${name} must be a whole number, not ${JSON.stringify(value)}`)
  }

  warn(text: string): void {
    this.#warnings.push(text)
  }

  /** @throws ApiError 400, 413 */
  async readBody(kind: BodyKind): Promise<ParsedBody> {
    const bytes = await this.#readBytes()
    if (bytes.length === 0) return { value: undefined, duplicateFields: [] }
    if (kind === 'protobuf') return { value: parseProtobufBody(bytes), duplicateFields: [] }
    return kind === 'yaml' ? parseYamlBody(bytes) : parseJsonBody(bytes)
  }

  async #readBytes(): Promise<Buffer> {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of this.request as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > BODY_BYTES_MAX) throw bodyTooLarge()
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }

  sendJson(code: number, value: unknown, contentType = 'application/json'): void {
    const body = Buffer.from(`${JSON.stringify(value)}\n`)
    this.response.writeHead(code, {
      'content-type': contentType,
      'content-length': body.length,
      'cache-control': 'no-cache, private',
      ...this.warningHeader(),
    })
    this.response.end(this.method === 'HEAD' ? undefined : body)
  }

  sendText(code: number, text: string): void {
    this.response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' })
    this.response.end(text)
  }

  sendError(error: ApiError): void {
    if (this.response.headersSent) {
      this.response.destroy()
      return
    }
    // what is left of a refused body is not worth reading
    if (!this.request.complete) this.response.setHeader('connection', 'close')
    this.sendJson(error.code, error.status)
  }

  warningHeader(): Record<string, string[]> {
    if (this.#warnings.length === 0) return {}
    const texts = [...new Set(this.#warnings)].slice(0, WARNINGS_MAX)
    return { warning: texts.map((text) => `299 - ${quoted(text.slice(0, WARNING_LENGTH_MAX))}`) }
  }
}

/** A quoted-string of RFC 9110; what cannot stand in a header becomes a question mark. */
const quoted = (text: string): string =>
  `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
