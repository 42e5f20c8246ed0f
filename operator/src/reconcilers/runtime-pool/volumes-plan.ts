/** Volumes that are smaller than the pool asks for. Pure. */
import type { PoolOwner } from '../../builders/owned-metadata.ts'
import type { Stored } from '../../kube/object.ts'
import type { PersistentVolumeClaim } from '../../kube/resources.ts'
import type { Observed } from './observe.ts'
import { quantityBytes } from './quantity.ts'

export interface VolumeStep {
  readonly kind: 'expandVolume'
  readonly member: string
  readonly size: string
}

type Claim = Stored<PersistentVolumeClaim>

/** Claims that ask for less than the pool does. A claim is never made smaller. */
export function smallClaims(pool: PoolOwner, { volumes }: Observed): readonly [string, Claim][] {
  return [...volumes]
    .filter(([, claim]) => claim.metadata.deletionTimestamp === undefined)
    .filter(([, claim]) => isSmaller(claim.spec?.resources?.requests?.storage, pool))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Claims that ask for enough and have not got it yet. */
export function resizingClaims(pool: PoolOwner, seen: Observed): readonly string[] {
  const small = new Set(smallClaims(pool, seen).map(([member]) => member))
  return [...seen.volumes]
    .filter(([member, { status }]) => !small.has(member) && status?.phase === 'Bound')
    .filter(([, { status }]) => isSmaller(status?.capacity?.storage, pool))
    .map(([member]) => member)
    .sort()
}

/** Only where the class says that its volumes can grow: elsewhere the API refuses it. */
export const planExpansion = (pool: PoolOwner, seen: Observed): readonly VolumeStep[] =>
  smallClaims(pool, seen)
    .filter(([, claim]) => seen.expandableClasses.has(classOf(claim)))
    .map(([member]) => ({ kind: 'expandVolume', member, size: pool.spec.storage.size }))

/** Claims that are too small and cannot be helped. */
export const stuckClaims = (pool: PoolOwner, seen: Observed): readonly [string, Claim][] =>
  smallClaims(pool, seen).filter(([, claim]) => !seen.expandableClasses.has(classOf(claim)))

export const classOf = (claim: Claim): string => claim.spec?.storageClassName ?? ''

/** A size that cannot be read is left alone. */
function isSmaller(size: string | undefined, pool: PoolOwner): boolean {
  const bytes = quantityBytes(size ?? '')
  const wanted = quantityBytes(pool.spec.storage.size)
  return bytes !== undefined && wanted !== undefined && bytes < wanted
}
