/** The few requests that `up` and `status` send to the API of a cluster in another process. */
import { request } from 'node:https'
import { z } from 'zod'
import type { ApiAccess } from './kubeconfig.ts'

export const REQUEST_TIMEOUT_MS = 5000
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

export interface ApiAnswer {
  readonly code: number
  readonly body: unknown
}

const statusSchema = z.looseObject({ message: z.string() })

export class ApiClient {
  readonly #access: ApiAccess

  constructor(access: ApiAccess) {
    this.#access = access
  }

  /** undefined: there is no such object. Rejects with the API's own message. */
  async get(path: string): Promise<unknown> {
    const { code, body } = await this.#send('GET', path)
    if (code === 404) return undefined
    return accepted(code, body)
  }

  async create(path: string, object: unknown): Promise<unknown> {
    const { code, body } = await this.#send('POST', path, object)
    return accepted(code, body)
  }

  #send(method: string, path: string, object?: unknown): Promise<ApiAnswer> {
    const { server, token, certificate } = this.#access
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      ...(object !== undefined && { 'content-type': 'application/json' }),
    }
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
    const options = { method, headers, ca: certificate, agent: false as const, signal }
    return new Promise((resolve, reject) => {
      const sent = request(`${server}${path}`, options, (response) => {
        const chunks: Buffer[] = []
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > ANSWER_BYTES_MAX) response.destroy(new Error('the answer is too long'))
          chunks.push(chunk)
        })
        response.on('error', reject)
        response.on('end', () => {
          const body = parseJson(Buffer.concat(chunks).toString('utf8'))
          resolve({ code: response.statusCode ?? 0, body })
        })
      })
      sent.on('error', reject)
      sent.end(object === undefined ? undefined : JSON.stringify(object))
    })
  }
}

function accepted(code: number, body: unknown): unknown {
  if (code >= 200 && code < 300) return body
  const status = statusSchema.safeParse(body)
  throw new Error(status.success ? status.data.message : `the API answered with ${code}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
