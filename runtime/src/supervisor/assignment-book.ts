/**
 * What this member holds and which epochs it may never go below. Pure.
 *
 *   (nothing) ─ assign e ─► held at e ─ assign e' ≥ e ─► held at e'
 *                            │     │ ▲
 *                            │     │ └─ assign e' ≥ e ─┐
 *                            │     └─ retain e' ≥ e ─► held at e', closed to clients
 *                            │                         │
 *                            └─ unassign e' ≥ e ───────┴─► given up: floor e' + 1, held no more
 *
 * Giving up persists e' + 1 (AUTHORITY 23): a delayed assignment of an older leader cannot bring a
 * shard back that lives elsewhere by now.
 */
import {
  type Assignment,
  assignmentDigest,
  assignmentSchema,
  type HeldShard,
  type Refusal,
  shardKey,
  TENANTS_PER_MEMBER_MAX,
} from '@miniredis/crds'
import { z } from 'zod'
import { FENCES_MAX } from './limits.ts'

export type Change =
  | { readonly kind: 'assign'; readonly assignment: Assignment }
  | {
      readonly kind: 'retain' | 'unassign'
      readonly tenantUid: string
      readonly shard: number
      readonly epoch: number
    }

/** One line of the book: a held shard, or the epoch below which a shard is refused. */
export const entrySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('held'), assignment: assignmentSchema }),
  z.strictObject({ kind: z.literal('floor'), key: z.string(), epoch: z.int().min(1) }),
])
export type Entry = z.output<typeof entrySchema>

export type Decision =
  | { readonly kind: 'refuse'; readonly refusal: Refusal }
  /** The world is already so: nothing to write. */
  | { readonly kind: 'keep' }
  | { readonly kind: 'write'; readonly entry: Entry }

interface Held {
  readonly assignment: Assignment
  readonly shard: HeldShard
}

export class AssignmentBook {
  readonly #held = new Map<string, Held>()
  /** In the order in which they were raised, so that the oldest go first. */
  readonly #floors = new Map<string, number>()

  get heldCount(): number {
    return this.#held.size
  }

  assignment(key: string): Assignment | undefined {
    return this.#held.get(key)?.assignment
  }

  assignments(): Assignment[] {
    return [...this.#held.values()].map(({ assignment }) => assignment)
  }

  heldShard(key: string): HeldShard | undefined {
    return this.#held.get(key)?.shard
  }

  heldShards(): HeldShard[] {
    return [...this.#held.values()].map(({ shard }) => shard)
  }

  /** What `change` means here. `heldCount` counts what is decided but not applied yet, too. */
  decide(change: Change, heldCount = this.heldCount): Decision {
    switch (change.kind) {
      case 'assign':
        return this.#decideAssign(change.assignment, heldCount)
      case 'retain':
        return this.#decideRetain(shardKey(change), change.epoch)
      case 'unassign':
        return this.#decideUnassign(shardKey(change), change.epoch)
    }
  }

  #decideAssign(assignment: Assignment, heldCount: number): Decision {
    const key = shardKey(assignment)
    const epochMin = this.#epochMin(key)
    if (assignment.epoch < epochMin) return staleEpoch(assignment.epoch, epochMin)
    const held = this.#held.get(key)
    if (held === undefined && heldCount >= TENANTS_PER_MEMBER_MAX) return tooManyTenants
    const isSame = held?.shard.digest === assignmentDigest(assignment)
    return isSame ? { kind: 'keep' } : { kind: 'write', entry: { kind: 'held', assignment } }
  }

  /** Nothing is held: nothing is kept, and the operator learns it by what is held. */
  #decideRetain(key: string, epoch: number): Decision {
    const held = this.#held.get(key)
    if (held === undefined) return { kind: 'keep' }
    const epochMin = held.shard.epoch
    if (epoch < epochMin) return staleEpoch(epoch, epochMin)
    return this.#decideAssign({ ...held.assignment, epoch, served: false }, this.heldCount)
  }

  #decideUnassign(key: string, epoch: number): Decision {
    const epochMin = this.#epochMin(key)
    if (epoch + 1 === this.#floors.get(key)) return { kind: 'keep' }
    if (epoch < epochMin) return staleEpoch(epoch, epochMin)
    return { kind: 'write', entry: { kind: 'floor', key, epoch: epoch + 1 } }
  }

  #epochMin(key: string): number {
    return this.#held.get(key)?.shard.epoch ?? this.#floors.get(key) ?? 1
  }

  /** Enters a line. Returns the key whose holding it changed. */
  apply(entry: Entry): string {
    if (entry.kind === 'held') return this.#hold(entry.assignment)
    this.#held.delete(entry.key)
    this.#floors.delete(entry.key)
    this.#floors.set(entry.key, entry.epoch)
    this.#forgetOldFloors()
    return entry.key
  }

  #hold(assignment: Assignment): string {
    const key = shardKey(assignment)
    const { tenantUid, shard, epoch } = assignment
    const digest = assignmentDigest(assignment)
    const retained = !assignment.served
    this.#held.set(key, { assignment, shard: { tenantUid, shard, epoch, digest, retained } })
    this.#floors.delete(key)
    return key
  }

  #forgetOldFloors(): void {
    for (const key of this.#floors.keys()) {
      if (this.#floors.size <= FENCES_MAX) return
      this.#floors.delete(key)
    }
  }

  /** Everything, in an order that gives the same book again. */
  entries(): Entry[] {
    const floors = [...this.#floors].map(([key, epoch]): Entry => ({ kind: 'floor', key, epoch }))
    const held = this.assignments().map((assignment): Entry => ({ kind: 'held', assignment }))
    return [...floors, ...held]
  }
}

const tooManyTenants: Decision = {
  kind: 'refuse',
  refusal: {
    code: 'TooManyTenants',
    message: `this member already holds ${TENANTS_PER_MEMBER_MAX} shards`,
  },
}

const staleEpoch = (epoch: number, epochMin: number): Decision => ({
  kind: 'refuse',
  refusal: {
    code: 'StaleEpoch',
    message: `epoch ${epoch} is below ${epochMin}, the lowest that this member accepts`,
    epochMin,
  },
})
