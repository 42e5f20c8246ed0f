/**
 * Hands out loopback addresses of one /16, each to one owner. Next fit: an address that was given
 * back is used again only after all others had their turn, so that a client that still dials the
 * old address meets a refused connection, never somebody else.
 */

const ADDRESS_COUNT = 65_534

export class AddressPool {
  readonly #prefix: string
  readonly #owners = new Map<string, string>()
  readonly #addresses = new Map<string, string>()
  #last = 0

  /** prefix: the first two octets, for example '127.64'. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** The address of this owner: the one it has, else the wanted one if that is free, else the next. */
  claim(owner: string, wanted?: string): string {
    const held = this.#addresses.get(owner)
    if (held !== undefined) return held
    const address = this.#isFree(wanted) ? wanted : this.#next()
    this.#owners.set(address, owner)
    this.#addresses.set(owner, address)
    this.#last = Math.max(this.#last, this.#indexOf(address))
    return address
  }

  release(owner: string): void {
    const address = this.#addresses.get(owner)
    if (address === undefined) return
    this.#addresses.delete(owner)
    this.#owners.delete(address)
  }

  #isFree(address: string | undefined): address is string {
    if (address === undefined || this.#owners.has(address)) return false
    const index = this.#indexOf(address)
    return index > 0 && index <= ADDRESS_COUNT && this.#addressAt(index) === address
  }

  #next(): string {
    for (let tried = 0; tried < ADDRESS_COUNT; tried += 1) {
      this.#last = (this.#last % ADDRESS_COUNT) + 1
      const address = this.#addressAt(this.#last)
      if (!this.#owners.has(address)) return address
    }
    throw new Error(`All ${ADDRESS_COUNT} addresses of ${this.#prefix}.0.0/16 are in use`)
  }

  #addressAt(index: number): string {
    return `${this.#prefix}.${index >> 8}.${index & 255}`
  }

  #indexOf(address: string): number {
    const [, , third, fourth] = address.split('.').map(Number)
    return (third ?? 0) * 256 + (fourth ?? 0)
  }
}
