/** The damages that a scan meets, and which shards they cost something. Pure. */
import { DAMAGES_MAX } from './limits.ts'
import type { Damage } from './scan-report.ts'
import type { ShardTrack } from './shard-track.ts'

interface FoundDamage {
  readonly file: string
  readonly position: number
  readonly reason: string
  readonly shards: Set<string>
  /** Bytes that cannot be read, not only a shard's records that do not fit. */
  readonly isUnreadable: boolean
  isOpen: boolean
}

export class Damages {
  readonly #damages: FoundDamage[] = []
  readonly #byShard = new Map<string, FoundDamage>()
  #distrust: FoundDamage | undefined
  unreadableCount = 0

  get count(): number {
    return this.#damages.length
  }

  /** Bytes that nobody can read: it is open which shards lost something. */
  addUnreadable(file: string, position: number, reason: string): void {
    this.#add(file, position, reason, true)
  }

  /** Bytes that can be read and may be wrong: nothing of this log is trusted. */
  addDistrust(file: string, position: number, reason: string): void {
    this.#distrust ??= this.#add(file, position, reason, true)
  }

  /** This shard's records do not fit together. An open damage before it is the cause, if any. */
  addBroken(track: ShardTrack, file: string, position: number, reason: string): void {
    const cause = this.#firstOpen(track.provenBefore)
    const damage = cause ?? this.#add(file, position, reason, false)
    damage.shards.add(track.key)
    this.#byShard.set(track.key, damage)
  }

  /** The shard begins anew: what it lost before does not matter. */
  forgive(track: ShardTrack): void {
    this.#byShard.get(track.key)?.shards.delete(track.key)
    this.#byShard.delete(track.key)
    track.provenBefore = this.count
  }

  /** Everything that was lost in damages from `first` on is known by now. */
  close(first: number): void {
    for (const damage of this.#damages.slice(first)) damage.isOpen = false
  }

  of(key: string, track: ShardTrack | undefined): Damage | undefined {
    const provenBefore = track?.provenBefore ?? 0
    const damage = this.#distrust ?? this.#byShard.get(key) ?? this.#firstOpen(provenBefore)
    return damage && asDamage(damage)
  }

  /** All of them, open ones first when there are too many to name. */
  list(): Damage[] {
    const isDamage = ({ isUnreadable, shards }: FoundDamage) => isUnreadable || shards.size > 0
    const damages = this.#damages.filter(isDamage).map(asDamage)
    if (damages.length <= DAMAGES_MAX) return damages
    return damages
      .sort((left, right) => Number(right.isOpen) - Number(left.isOpen))
      .slice(0, DAMAGES_MAX)
  }

  #firstOpen(from: number): FoundDamage | undefined {
    for (let index = from; index < this.#damages.length; index++) {
      if (this.#damages[index].isOpen) return this.#damages[index]
    }
    return
  }

  #add(file: string, position: number, reason: string, isUnreadable: boolean): FoundDamage {
    const isOpen = isUnreadable
    const damage = { file, position, reason, shards: new Set<string>(), isUnreadable, isOpen }
    if (isUnreadable) this.unreadableCount++
    this.#damages.push(damage)
    return damage
  }
}

const asDamage = ({ file, position, reason, shards, isOpen }: FoundDamage): Damage => ({
  file,
  position,
  reason,
  shards: [...shards].sort(),
  isOpen,
})
