/** The slots of a tenant, cut into ranges, one per shard. */
import { SLOT_COUNT } from '@miniredis/crds'

export interface SlotRange {
  readonly firstSlot: number
  readonly lastSlot: number
}

/**
 * Cuts all 16,384 slots into as many ranges, whose sizes differ by at most one.
 * @throws RangeError when a shard would be left without a slot
 */
export function slotRanges(shardCount: number): readonly SlotRange[] {
  if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > SLOT_COUNT)
    throw new RangeError(`a tenant has 1 to ${SLOT_COUNT} shards, not ${shardCount}`)
  const start = (shard: number): number => Math.floor((shard * SLOT_COUNT) / shardCount)
  return Array.from({ length: shardCount }, (_, shard) => ({
    firstSlot: start(shard),
    lastSlot: start(shard + 1) - 1,
  }))
}

export const formatSlots = ({ firstSlot, lastSlot }: SlotRange): string =>
  `${firstSlot}-${lastSlot}`
