/**
 * What one tenant holds in the arena, to the byte: the sizes of its blocks, tables included.
 *
 * Accounts form a chain: each database has its own, whose `owner` is the tenant's, so a memory
 * limit is one comparison and FLUSHDB takes a whole database off the tenant at once.
 */
export class MemoryAccount {
  usedBytes = 0
  #owner: MemoryAccount | undefined

  constructor(owner?: MemoryAccount) {
    this.#owner = owner
  }

  /** Books `bytes` (negative: gives them back) here and with every owner. */
  add(bytes: number): void {
    this.usedBytes += bytes
    this.#owner?.add(bytes)
  }

  /** From now on the owner does not pay for this account any more. */
  detach(): void {
    this.#owner?.add(-this.usedBytes)
    this.#owner = undefined
  }
}
