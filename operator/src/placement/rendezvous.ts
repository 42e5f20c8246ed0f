/*
 * Weighted rendezvous hashing: every member draws a number for every shard, and the highest draws
 * win. A draw depends on that member and that shard alone, so a member that comes takes only what
 * it wins, and a member that goes gives away only what it had; nothing else moves.
 *
 * The draw is -weight / ln(u) with u uniform in (0, 1): a member of weight 2 then wins twice as
 * often as one of weight 1. (Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005.)
 */
import { createHash } from 'node:crypto'

export interface Contender {
  readonly name: string
  /** Above 0. Twice the weight: twice the shards. */
  readonly weight: number
}

export interface ShardIdentity {
  readonly tenantUid: string
  readonly shard: number
}

/** The members, best draw first. Equal draws (never seen, still decided) go by name. */
export function rankMembers<M extends Contender>(
  identity: ShardIdentity,
  members: readonly M[],
): readonly M[] {
  return members
    .map((member) => ({ member, draw: drawOf(identity, member) }))
    .sort((a, b) => b.draw - a.draw || compareText(a.member.name, b.member.name))
    .map(({ member }) => member)
}

function drawOf({ tenantUid, shard }: ShardIdentity, { name, weight }: Contender): number {
  return -weight / Math.log(uniform(`${tenantUid}\n${shard}\n${name}`))
}

/** Text → a number in (0, 1), the same on every machine: the first 52 bits of its SHA-256. */
function uniform(text: string): number {
  const bits = createHash('sha256').update(text).digest().readBigUInt64BE() >> 12n
  return (Number(bits) + 0.5) / 2 ** 52
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
