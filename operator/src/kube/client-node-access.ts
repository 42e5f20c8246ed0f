/**
 * Kubeconfigs that need more than files: exec plugins, OIDC, cloud providers, proxies.
 *
 * client-node's own agent is kept only where the kubeconfig names a proxy: it is cached for ever
 * with the CA of its first request.
 */
import type { RequestOptions } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'
import type { ApiAccess, Credentials } from './access.ts'

export function loadWithClientNode(path: string): ApiAccess {
  const config = new KubeConfig()
  config.loadFromFile(path)
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new Error(`${path} names no current cluster`)
  const isProxied = cluster.proxyUrl !== undefined
  const credentials = async (): Promise<Credentials> => {
    const options: RequestOptions = {}
    await config.applyToHTTPSOptions(options)
    const { ca, cert, key, rejectUnauthorized, servername, agent } = options
    const tls = { ca, cert, key, rejectUnauthorized, servername }
    return {
      headers: plainHeaders(options.headers),
      tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)),
      ...(isProxied && typeof agent === 'object' && { proxy: agent }),
    }
  }
  return { server: new URL(cluster.server), credentials }
}

function plainHeaders(headers: RequestOptions['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, value]) => [
      name.toLowerCase(),
      String(value).trim(),
    ]),
  )
}
