/** Gives Services their addresses: a loopback address each, and the lowest free listening port. */
import { AddressPool } from '../kubelet/address-pool.ts'
import type { AddressAllocator, ServiceKey } from '../store/api-store.ts'

/** Listening ports reach from the first one this far. */
export const NODE_PORTS_MAX = 2000

export class ServiceAddresses implements AddressAllocator {
  readonly #pool: AddressPool
  readonly #firstPort: number
  readonly #portOwners = new Map<number, string>()
  readonly #clusterIps = new Map<string, string>()

  /** prefix: first two octets of cluster addresses; firstPort: where listening ports begin. */
  constructor(prefix: string, firstPort: number) {
    this.#pool = new AddressPool(prefix)
    this.#firstPort = firstPort
  }

  clusterIp(service: ServiceKey, wanted?: string): string | undefined {
    const owner = ownerOf(service)
    const held = this.#clusterIps.get(owner)
    if (held !== undefined) return wanted === undefined || wanted === held ? held : undefined
    const address = this.#pool.claim(owner, wanted)
    if (wanted !== undefined && wanted !== address) {
      this.#pool.release(owner)
      return undefined
    }
    this.#clusterIps.set(owner, address)
    return address
  }

  nodePort(service: ServiceKey, _port: number, wanted?: number): number | undefined {
    const owner = ownerOf(service)
    const chosen = wanted ?? this.#lowestFree()
    if (chosen === undefined || !this.#isInRange(chosen)) return undefined
    const holder = this.#portOwners.get(chosen)
    if (holder !== undefined && holder !== owner) return undefined
    this.#portOwners.set(chosen, owner)
    return chosen
  }

  release(service: ServiceKey, kept?: { clusterIp?: string; nodePorts: readonly number[] }): void {
    const owner = ownerOf(service)
    for (const [port, holder] of this.#portOwners) {
      if (holder === owner && !kept?.nodePorts.includes(port)) this.#portOwners.delete(port)
    }
    if (kept?.clusterIp !== undefined) return
    this.#pool.release(owner)
    this.#clusterIps.delete(owner)
  }

  #lowestFree(): number | undefined {
    for (let port = this.#firstPort; this.#isInRange(port); port += 1) {
      if (!this.#portOwners.has(port)) return port
    }
    return undefined
  }

  #isInRange(port: number): boolean {
    return port >= this.#firstPort && port < this.#firstPort + NODE_PORTS_MAX && port <= 65_535
  }
}

const ownerOf = ({ namespace, name }: ServiceKey): string => `${namespace}/${name}`
