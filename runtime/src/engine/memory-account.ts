/**
 * What one tenant holds in the arena, to the byte: the sizes of its blocks, tables included.
 *
 * All databases of a tenant share one account, so `maxmemory` is one comparison.
 */
export class MemoryAccount {
  /** Bytes of blocks that hold live data. */
  usedBytes = 0
}
