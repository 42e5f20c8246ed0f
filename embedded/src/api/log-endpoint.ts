/** GET pods/<name>/log: the lines that the kubelet kept. */
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { each, peek } from '../registry/draft.ts'
import { badRequest, methodNotAllowed } from '../store/api-error.ts'
import type { ApiStore } from '../store/api-store.ts'
import type { KubeObject } from '../store/kube-object.ts'
import type { Exchange } from './exchange.ts'
import type { ResourcePath } from './request-path.ts'

export interface LogOptions {
  readonly container: string
  readonly follow: boolean
  readonly previous: boolean
  readonly timestamps: boolean
  readonly tailLines?: number | undefined
  readonly limitBytes?: number | undefined
  readonly sinceSeconds?: number | undefined
}

/** The kubelet's side: text of one container. @throws ApiError when there is none */
export interface PodLogs {
  read(pod: KubeObject, options: LogOptions): Readable | Promise<Readable>
}

interface LogContext {
  readonly store: ApiStore
  readonly logs: PodLogs | undefined
}

export async function serveLog(
  exchange: Exchange,
  { resource, namespace, name = '' }: ResourcePath,
  { store, logs }: LogContext,
): Promise<void> {
  if (exchange.method !== 'GET') throw methodNotAllowed(resource, exchange.method)
  const pod = store.get(resource, { namespace, name })
  const container = chooseContainer(pod, exchange.query('container'))
  if (logs === undefined) throw badRequest('no kubelet keeps logs in this process')
  const source = await logs.read(pod, {
    container,
    follow: exchange.isSet('follow'),
    previous: exchange.isSet('previous'),
    timestamps: exchange.isSet('timestamps'),
    tailLines: exchange.number('tailLines'),
    limitBytes: exchange.number('limitBytes'),
    sinceSeconds: exchange.number('sinceSeconds'),
  })
  exchange.response.writeHead(200, { 'content-type': 'text/plain' })
  exchange.response.flushHeaders()
  // a reader who leaves while following is no error
  await pipeline(source, exchange.response).catch(() => exchange.response.destroy())
}

function chooseContainer(pod: KubeObject, wanted: string | undefined): string {
  const spec = peek(pod, 'spec')
  const names = [...each(spec, 'initContainers'), ...each(spec, 'containers')].map(({ name }) =>
    String(name),
  )
  const { name } = pod.metadata
  if (wanted !== undefined && wanted !== '') {
    if (names.includes(wanted)) return wanted
    throw badRequest(`container ${wanted} is not valid for pod ${name}`)
  }
  const [first, second] = names
  if (first !== undefined && second === undefined) return first
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`,
  )
}
