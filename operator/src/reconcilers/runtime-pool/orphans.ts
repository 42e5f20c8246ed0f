/*
 * Shards whose tenant is gone. Pure.
 *
 * One deleted tenant is wiped soon after. But what looks like many deleted tenants may be a lost
 * definition, a wrong restore or a slip of a hand, and what is wiped stays wiped. So when the
 * definition is gone or is another one, or more than ten tenants and more than a fifth of all
 * vanish within a moment, everything is kept until a person says that this very set may go.
 */
import { createHash } from 'node:crypto'

/** Tenants that vanish within so long of each other count as vanished at once ... */
export const ORPHAN_SETTLE_MS = 2000
/** ... but those that go one after the other, for ever, are not waited for. */
export const ORPHAN_WAIT_MS_MAX = 10_000
const VANISHED_MAX = 10
const VANISHED_SHARE_MAX = 0.2

export interface OrphanView {
  /** UIDs of tenants with shards and without a TenantNode, by an uncached read; the time seen first. */
  readonly vanished: ReadonlyMap<string, number>
  /** Tenants with shards, vanished or not. */
  readonly tenants: number
  /** UID of the definition of TenantNodes; undefined: gone, or going. */
  readonly definitionUid: string | undefined
  /** The definition that the shards belong to, as far as known. */
  readonly knownDefinitionUid: string | undefined
  /** What the person who decides has written. */
  readonly accepted: string | undefined
}

export type OrphanVerdict =
  | { readonly kind: 'none' }
  | { readonly kind: 'settling'; readonly delayMs: number }
  | { readonly kind: 'remove'; readonly tenantUids: readonly string[] }
  | {
      readonly kind: 'held'
      readonly tenantUids: readonly string[]
      readonly why: string
      /** The word that accepts exactly this set. */
      readonly acceptance: string
    }

export function judgeOrphans(view: OrphanView, nowMs: number): OrphanVerdict {
  const tenantUids = [...view.vanished.keys()].sort()
  if (tenantUids.length === 0) return { kind: 'none' }
  const delayMs = judgementMs(view) - nowMs
  if (delayMs > 0) return { kind: 'settling', delayMs }
  const why = whyHeld(view)
  const acceptance = acceptanceOf(tenantUids, view.definitionUid)
  return why === undefined || view.accepted === acceptance
    ? { kind: 'remove', tenantUids }
    : { kind: 'held', tenantUids, why, acceptance }
}

function judgementMs({ vanished }: OrphanView): number {
  const times = [...vanished.values()]
  return Math.min(Math.max(...times) + ORPHAN_SETTLE_MS, Math.min(...times) + ORPHAN_WAIT_MS_MAX)
}

function whyHeld(view: OrphanView): string | undefined {
  const { vanished, tenants, definitionUid, knownDefinitionUid } = view
  if (definitionUid === undefined) return 'the definition of TenantNodes is gone'
  if (knownDefinitionUid !== undefined && definitionUid !== knownDefinitionUid)
    return 'the definition of TenantNodes is another one than before'
  const isMany = vanished.size > VANISHED_MAX && vanished.size > tenants * VANISHED_SHARE_MAX
  return isMany ? `${vanished.size} of ${tenants} tenants vanished at once` : undefined
}

const acceptanceOf = (tenantUids: readonly string[], definitionUid: string | undefined): string =>
  createHash('sha256')
    .update(JSON.stringify([definitionUid ?? null, ...tenantUids]))
    .digest('hex')
    .slice(0, 16)
