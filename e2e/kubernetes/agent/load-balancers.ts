/**
 * The cloud's half of a Service of type LoadBalancer: gives it an address. kube-proxy does the rest,
 * because it serves every address that it finds in status.loadBalancer.ingress.
 */
import { network } from '../layout.ts'
import type { ApiClient, KubeObject, WatchEvent } from './api-client.ts'

interface Service extends KubeObject {
  readonly spec: { readonly type?: string }
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { ip?: string }[] } }
}

/** Hands out addresses of the range in turn, never one that a Service still has. */
class AddressPool {
  readonly #used = new Map<string, string>() // Service uid → address
  #last = 0

  note(uid: string, address: string): void {
    this.#used.set(uid, address)
  }

  release(uid: string): void {
    this.#used.delete(uid)
  }

  addressFor(uid: string): string {
    const known = this.#used.get(uid)
    if (known !== undefined) return known
    const taken = new Set(this.#used.values())
    let address: string
    do address = loadBalancerAddress(++this.#last)
    while (taken.has(address))
    this.note(uid, address)
    return address
  }
}

/** Runs until the process ends. */
export async function runLoadBalancers(api: ApiClient): Promise<never> {
  const pool = new AddressPool()
  return api.watch<Service>('/api/v1/services', (event) => balance(api, pool, event))
}

async function balance(
  api: ApiClient,
  pool: AddressPool,
  { type, object: service }: WatchEvent<Service>,
): Promise<void> {
  const { uid, name, namespace } = service.metadata
  const isBalanced = service.spec.type === 'LoadBalancer' && type !== 'DELETED'
  const address = service.status?.loadBalancer?.ingress?.[0]?.ip
  if (!isBalanced) return pool.release(uid)
  if (address !== undefined) return pool.note(uid, address)
  const status = { loadBalancer: { ingress: [{ ip: pool.addressFor(uid) }] } }
  await api.call('PATCH', `/api/v1/namespaces/${namespace}/services/${name}/status`, { status })
}

/** The n-th address of the range, n from 1 to 65,534, after which it starts again. */
function loadBalancerAddress(index: number): string {
  const [high, low] = network.loadBalancerRange.split('.')
  const host = ((index - 1) % 65_534) + 1
  return `${high}.${low}.${host >> 8}.${host & 255}`
}
