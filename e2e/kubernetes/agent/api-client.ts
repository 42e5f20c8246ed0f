/**
 * The little of the Kubernetes API that the agent needs, over one client certificate. The product's
 * own client is not used here, so that the test bed does not share its faults.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Layout } from '../layout.ts'

export interface KubeObject {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid: string
    readonly annotations?: Readonly<Record<string, string>>
    readonly deletionTimestamp?: string
  }
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: T
}

export interface ApiClient {
  /** Answers with whatever the server answers; throws when there is no answer. */
  call(method: string, path: string, body?: object): Promise<{ status: number; text: string }>
  /** Every object as ADDED, then every change, again and again after each interruption. */
  watch<T extends KubeObject>(
    path: string,
    seen: (event: WatchEvent<T>) => Promise<void>,
  ): Promise<never>
}

const RETRY_MS = 200

export interface ApiAddress {
  readonly host: string
  readonly port: number
}

/** A client that shows the certificate of `user`, see pki.ts. */
export function createApiClient({ pki }: Layout, address: ApiAddress, user: string): ApiClient {
  const agent = new Agent({
    keepAlive: true,
    ca: readFileSync(`${pki}/ca.crt`),
    cert: readFileSync(`${pki}/${user}.crt`),
    key: readFileSync(`${pki}/${user}.key`),
  })
  const send = (method: string, path: string, body?: object) =>
    openRequest({ agent, ...address }, method, path, body)
  return {
    async call(method, path, body) {
      const response = await send(method, path, body)
      const text = (await response.setEncoding('utf8').toArray()).join('')
      return { status: response.statusCode ?? 0, text }
    },
    async watch(path, seen) {
      for (;;) {
        await send('GET', `${path}?watch=1`)
          .then((response) => readEvents(response, seen))
          .catch((error: unknown) => console.error(new Date().toISOString(), path, error))
        await sleep(RETRY_MS)
      }
    },
  }
}

function openRequest(
  target: ApiAddress & { readonly agent: Agent },
  method: string,
  path: string,
  body: object | undefined,
): Promise<IncomingMessage> {
  const kind = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': kind }
    const sent = request({ ...target, method, path, headers }, resolve)
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function readEvents<T extends KubeObject>(
  response: IncomingMessage,
  seen: (event: WatchEvent<T>) => Promise<void>,
): Promise<void> {
  if (response.statusCode !== 200) throw new Error(`watch refused: ${response.statusCode}`)
  let rest = ''
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) await seen(parseEvent(line))
  }
}

function parseEvent<T extends KubeObject>(line: string): WatchEvent<T> {
  const event: WatchEvent<T> | { type: 'ERROR' } = JSON.parse(line)
  if (event.type === 'ERROR') throw new Error(`watch ended: ${line}`)
  return event
}
