/** What may become of a shard record. Pure; each runs inside ShardMapStore.mutate. */
import type { DeletionPolicy, Incarnation, ShardRecord } from '@miniredis/crds'
import { type PlacementMember, placeCopies } from '../placement/placement.ts'
import type { SlotRange } from '../placement/slots.ts'
import type { ShardIdentity, ShardTable } from './shard-table.ts'

export interface ShardPlacement extends ShardIdentity {
  readonly deletionPolicy: DeletionPolicy
  /** The TenantNode, where it is not the one that the data are named after. */
  readonly ownerUid?: string | undefined
  readonly tenantNamespace: string
  readonly tenantName: string
  readonly range: SlotRange
  readonly candidates: readonly PlacementMember[]
  /**
   * A member that holds the shard although no record says so: the record was lost, the data were
   * not. It keeps the shard, under an epoch that nobody has seen.
   */
  readonly holder?: { readonly member: string; readonly epoch: number } | undefined
  /** What runs on the members now, so that the first record names it already. */
  readonly sightings: readonly CopySighting[]
}

/**
 * Gives a shard its record; a record once written keeps its member.
 * @returns undefined when no candidate has room
 */
export function placeShard(table: ShardTable, placement: ShardPlacement): ShardRecord | undefined {
  const present = table.find(placement)
  if (present !== undefined) return present
  const { tenantUid, shard, tenantNamespace, tenantName, range, holder } = placement
  const { deletionPolicy, ownerUid } = placement
  const member = holder?.member ?? chooseMember(table, placement)
  if (member === undefined) return undefined
  const record: ShardRecord = {
    tenantUid,
    tenantNamespace,
    tenantName,
    shard,
    ...range,
    epoch: (holder?.epoch ?? 0) + 1,
    phase: 'Serving',
    deletionPolicy,
    ...(ownerUid !== undefined && { ownerUid }),
    primary: { member },
    configuration: { version: 1, copies: [{ member }] },
  }
  const sighting = placement.sightings.find((seen) => seen.member === member)
  const known = sighting === undefined ? record : followSoleCopy(record, sighting)
  table.put(known)
  return known
}

function chooseMember(table: ShardTable, placement: ShardPlacement): string | undefined {
  const copies = table.copiesByMember()
  const candidates = placement.candidates.map((candidate) => ({
    ...candidate,
    copies: copies.get(candidate.name) ?? 0,
  }))
  return placeCopies(placement, candidates, 1)[0]?.name
}

/** What the control link says of the process and the volume behind a sole copy. */
export interface CopySighting {
  readonly member: string
  readonly incarnation: Incarnation
  readonly volumeNonce: string
}

/**
 * Lets a record follow its sole copy. A restart on the same volume resumes in the same epoch
 * (AUTHORITY 10). Another volume is another copy, empty: a new epoch and a new configuration.
 * @returns the same record when there is nothing new
 */
export function followSoleCopy(record: ShardRecord, sighting: CopySighting): ShardRecord {
  const { member, incarnation, volumeNonce } = sighting
  const [copy, ...others] = record.configuration.copies
  if (record.primary.member !== member || copy?.member !== member || others.length > 0)
    return record
  const isSameVolume = copy.volumeNonce === volumeNonce
  const isNewCopy = copy.volumeNonce !== undefined && !isSameVolume
  if (isSameVolume && isSameIncarnation(record.primary.incarnation, incarnation)) return record
  return {
    ...record,
    epoch: record.epoch + (isNewCopy ? 1 : 0),
    primary: { member, incarnation },
    configuration: {
      version: record.configuration.version + (isNewCopy ? 1 : 0),
      copies: [{ member, volumeNonce }],
    },
  }
}

const isSameIncarnation = (a: Incarnation | undefined, b: Incarnation): boolean =>
  a?.podUid === b.podUid && a.bootNonce === b.bootNonce

/** A member has seen a higher epoch than the API: the shard goes on above it (AUTHORITY 4). */
export const raiseEpoch = (record: ShardRecord, epochMin: number): ShardRecord =>
  record.epoch >= epochMin ? record : { ...record, epoch: epochMin }

/** A Delete that is not written down is one too: records from before the policy have none. */
export const deletionPolicyOf = ({ deletionPolicy = 'Delete' }: ShardRecord): DeletionPolicy =>
  deletionPolicy

/** Its tenant is gone: nobody owns the shard, nobody is served, and the data stay. */
export function retainShard({ ownerUid: _, ...record }: ShardRecord): ShardRecord {
  return { ...record, phase: 'Retained' }
}

/** Another TenantNode of the same name takes the data over, under an epoch of its own. */
export const adoptShard = (record: ShardRecord, ownerUid: string): ShardRecord =>
  record.phase === 'Retained'
    ? { ...record, phase: 'Serving', ownerUid, epoch: record.epoch + 1 }
    : record

/** Changes the record of a shard, if there is one. */
export function changeShard(
  table: ShardTable,
  identity: ShardIdentity,
  change: (record: ShardRecord) => ShardRecord,
): ShardRecord | undefined {
  const before = table.find(identity)
  if (before === undefined) return undefined
  const after = change(before)
  if (after !== before) table.put(after)
  return after
}
