/** Which members hold the copies of a shard. Pure; the record in the ShardMap then keeps the answer. */
import { rankMembers, type ShardIdentity } from './rendezvous.ts'

export interface PlacementMember {
  readonly name: string
  readonly weight: number
  /** Members without a zone count as one zone of their own each. */
  readonly zone?: string | undefined
  /** Copies that it holds, and how many it may hold. */
  readonly copies: number
  readonly copiesMax: number
}

/**
 * The members for the copies of one shard, the primary first: by weighted rendezvous hashing, full
 * members skipped, every zone used once before any is used twice.
 * @returns fewer than asked for when the pool has not enough members with room
 */
export function placeCopies(
  identity: ShardIdentity,
  members: readonly PlacementMember[],
  copyCount: number,
): readonly PlacementMember[] {
  const ranked = rankMembers(
    identity,
    members.filter(({ copies, copiesMax }) => copies < copiesMax),
  )
  const chosen: PlacementMember[] = []
  const zones = new Map<string, number>()
  while (chosen.length < Math.min(copyCount, ranked.length)) {
    const rest = ranked.filter((member) => !chosen.includes(member))
    const next = leastUsedZone(rest, zones)
    chosen.push(next)
    zones.set(zoneOf(next), (zones.get(zoneOf(next)) ?? 0) + 1)
  }
  return chosen
}

const zoneOf = ({ zone, name }: PlacementMember): string => zone ?? `member ${name}`

/** The best ranked among those whose zone holds the fewest copies. */
function leastUsedZone(
  ranked: readonly PlacementMember[],
  zones: ReadonlyMap<string, number>,
): PlacementMember {
  const used = (member: PlacementMember): number => zones.get(zoneOf(member)) ?? 0
  return ranked.reduce((best, member) => (used(member) < used(best) ? member : best))
}
