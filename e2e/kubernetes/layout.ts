/** Where the test cluster keeps things, and the addresses in it. Values only. */
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
export const cacheDirectory = `${repository}/.cache`
export const binaryDirectory = `${cacheDirectory}/bin`

export const kubernetesVersion = 'v1.34.4'
export const helmVersion = 'v4.2.4'

/**
 * Two network namespaces joined by a cable, with no route to anywhere else, so the same addresses
 * serve every cluster. The outside is where clients and the cluster's "cloud" live.
 *
 *   host ──unix socket──► outside 10.80.0.1 ──cable──► node 10.80.0.2 ──bridge──► pods
 */
export const network = {
  outsideAddress: '10.80.0.1',
  nodeAddress: '10.80.0.2',
  apiPort: 6443,
  podRange: '10.244.0.0/24',
  serviceRange: '10.96.0.0/16',
  apiServiceAddress: '10.96.0.1',
  dnsServiceAddress: '10.96.0.10',
  /** Addresses that the load-balancer loop gives away: 10.81.<high byte>.<low byte>. */
  loadBalancerRange: '10.81.0.0/16',
} as const

export const node = { name: 'node1', zone: 'zone-a', region: 'test' } as const

/** Paths and names of one cluster; `name` is a DNS label of at most 10 characters. */
export interface Layout {
  readonly name: string
  readonly state: string
  readonly pki: string
  readonly logs: string
  readonly processes: string
  readonly nodeNamespace: string
  readonly outsideNamespace: string
  readonly containerdSocket: string
  readonly tunnelSocket: string
  /** Reaches the API server through the relay on 127.0.0.1; for people, kubectl, helm and tests. */
  readonly kubeconfig: string
}

export function layoutOf(name: string): Layout {
  if (!/^[a-z][a-z0-9-]{0,9}$/.test(name)) throw new Error(`not a cluster name: ${name}`)
  const state = `${cacheDirectory}/clusters/${name}`
  return {
    name,
    state,
    pki: `${state}/pki`,
    logs: `${state}/logs`,
    processes: `${state}/processes`,
    nodeNamespace: `${name}-node`,
    outsideNamespace: `${name}-out`,
    containerdSocket: `${state}/containerd.sock`,
    tunnelSocket: `${state}/tunnel.sock`,
    kubeconfig: `${state}/kubeconfig`,
  }
}
