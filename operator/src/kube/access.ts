/**
 * How to reach and convince the API server: a kubeconfig, or the service account of the pod.
 *
 * client-node reads both and knows all ways to authenticate. It reads CA files and certificates
 * anew for each request and token files at least once a minute, so rotation needs nothing from us.
 * Its own agent is kept only where the kubeconfig names a proxy: it is cached for ever with the CA
 * of its first request.
 */
import type { Agent } from 'node:http'
import type { RequestOptions } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'

export interface ApiAccess {
  /** Where the API is, without a path. */
  readonly server: URL
  /** Everything of a request that concerns trust and identity, fresh for each request. */
  credentials(): Promise<Credentials>
}

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>
  /** Set when requests have to go through a proxy. */
  readonly proxy?: Agent
}

/**
 * @param kubeconfig path of a file; the service account of the pod when absent
 * @throws Error when there is neither, or no current context
 */
export function loadApiAccess(kubeconfig: string | undefined): ApiAccess {
  const config = new KubeConfig()
  if (kubeconfig === undefined) config.loadFromCluster()
  else config.loadFromFile(kubeconfig)
  return createApiAccess(config)
}

export function createApiAccess(config: KubeConfig): ApiAccess {
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new Error('the kubeconfig names no current cluster')
  const server = new URL(cluster.server)
  const proxied = cluster.proxyUrl !== undefined
  // client-node refuses plain HTTP unless told that nothing is verified, which is all that this means
  if (server.protocol === 'http:') config.clusters = [{ ...cluster, skipTLSVerify: true }]
  const credentials = async (): Promise<Credentials> => {
    const options: RequestOptions = {}
    await config.applyToHTTPSOptions(options)
    const { ca, cert, key, rejectUnauthorized, servername, agent, auth } = options
    return {
      headers: { ...plainHeaders(options.headers), ...basicAuthorization(auth) },
      tls: defined({ ca, cert, key, rejectUnauthorized, servername }),
      ...(proxied && typeof agent === 'object' && { proxy: agent }),
    }
  }
  return { server, credentials }
}

function plainHeaders(headers: RequestOptions['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, value]) => [
      name.toLowerCase(),
      String(value).trim(),
    ]),
  )
}

function basicAuthorization(auth: string | null | undefined): Record<string, string> {
  if (auth === undefined || auth === null) return {}
  return { authorization: `Basic ${Buffer.from(auth).toString('base64')}` }
}

const defined = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
