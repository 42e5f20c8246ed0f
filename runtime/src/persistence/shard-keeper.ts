/**
 * Keeps one shard: its changes go to the log, its whole to snapshots.
 *
 *   memory ─────────────── no log: changes are counted, for save rules
 *   logging ────────────── every change is a record
 *   joining ─► logging     a log is wanted for data that it does not hold: changes are collected
 *                          while a snapshot is written, and appended behind it
 */
import { keepsLog, keepsSnapshots, type Persistence } from '@miniredis/crds'
import type { Effects } from '../engine/effect.ts'
import type { ChangeRecorder, Tenant } from '../tenancy/tenant.ts'
import type { FsyncPolicy, Log, LogPosition, LogShard } from './log/log.ts'
import { shardKey } from './log/record.ts'
import { isSaveDue, RETRY_AFTER_MS } from './save-rules.ts'
import type { ShardName } from './snapshot-shelf.ts'

/** Changes that may be collected while the log waits for its first snapshot. */
export const COLLECTED_BYTES_MAX = 256 * 1024 * 1024

const policies = { Always: 'always', EverySecond: 'everysec', No: 'no' } as const satisfies Record<
  Persistence['fsync'],
  FsyncPolicy
>

interface Collected {
  readonly databaseIndex: number
  readonly timeMs: number
  readonly bytes: Buffer
}

export class ShardKeeper implements ChangeRecorder {
  readonly tenant: Tenant
  readonly name: ShardName
  /** Keys changed since the snapshot. */
  changes = 0
  savedAtMs: number
  triedAtMs = 0
  wasSaveGood = true
  savesCount = 0
  /** A snapshot shall be written when its turn comes. */
  wantsSave = false
  isSaving = false
  /** The data is there, or was never kept. */
  isLoaded = false
  readonly #log: Log | undefined
  #logShard: LogShard | undefined
  #position: LogPosition
  #collected: Collected[] | undefined
  #collectedBytes = 0
  /** Keys that expired while the log could take nothing. */
  #missed: Collected[] = []

  constructor(tenant: Tenant, log: Log | undefined, nowMs: number) {
    const { tenantUid, shard, epoch } = tenant.assignment
    this.tenant = tenant
    this.name = { tenantUid, shard, key: shardKey(tenantUid, shard) }
    this.savedAtMs = nowMs
    this.#log = log
    this.#position = { epoch, offset: 0 }
  }

  get persistence(): Persistence {
    return this.tenant.assignment.persistence
  }

  get isLogging(): boolean {
    return this.#logShard !== undefined
  }

  /** Where the shard stands at this moment. */
  get position(): LogPosition {
    const { epoch, offset } = this.#logShard ?? this.#position
    return { epoch, offset }
  }

  /** What was kept is in memory and stands at `position`; undefined: nothing was kept. */
  resume(position: LogPosition | undefined, isInLog: boolean): void {
    const { epoch } = this.tenant.assignment
    this.isLoaded = true
    this.#position = { epoch, offset: position?.offset ?? 0 }
    if (isInLog || this.tenant.keyCount === 0) this.#startLogging(undefined)
    this.reconfigured()
  }

  /** The assignment says something else now, perhaps. */
  reconfigured(): void {
    const { epoch, persistence } = this.tenant.assignment
    this.tenant.recorder = isListening(persistence) ? this : undefined
    if (!this.isLoaded) return
    this.#position = { ...this.position, epoch }
    if (!keepsLog(persistence)) {
      this.#logShard = undefined
      this.#collected = undefined
    } else if (this.#logShard !== undefined) this.#follow(this.#logShard)
    else this.#join()
  }

  #follow(shard: LogShard): void {
    const { epoch, persistence } = this.tenant.assignment
    shard.fsync = policies[persistence.fsync]
    if (shard.epoch < epoch) this.#log?.begin(shard, epoch)
  }

  #join(): void {
    if (this.#log === undefined || this.#collected !== undefined) return
    this.#collected = []
    this.#collectedBytes = 0
    this.wantsSave = true
  }

  #startLogging(offset: number | undefined): void {
    const { tenantUid, shard, epoch, persistence } = this.tenant.assignment
    if (this.#log === undefined || !keepsLog(persistence)) return
    const logShard = this.#log.shard(tenantUid, shard)
    logShard.fsync = policies[persistence.fsync]
    this.#log.begin(logShard, epoch, offset)
    this.#logShard = logShard
  }

  record(databaseIndex: number, effects: Effects, nowMs: number): number {
    this.changes += effects.changes
    const { bytes, length } = effects
    const shard = this.#logShard
    if (shard === undefined) {
      this.#position = { ...this.#position, offset: this.#position.offset + length }
      this.#collect(databaseIndex, nowMs, bytes, length)
      return 0
    }
    if (this.#log?.state.kind !== 'open') {
      this.#missed.push({ databaseIndex, timeMs: nowMs, bytes: copyOf(bytes, length) })
      return 0
    }
    const sequence = this.#log.append(shard, databaseIndex, nowMs, bytes, 0, length)
    return shard.fsync === 'always' ? sequence : 0
  }

  #collect(databaseIndex: number, timeMs: number, bytes: Buffer, length: number): void {
    if (this.#collected === undefined) return
    this.#collected.push({ databaseIndex, timeMs, bytes: copyOf(bytes, length) })
    this.#collectedBytes += length
    // Too much for this snapshot: it will not begin the log, the next one may.
    if (this.#collectedBytes > COLLECTED_BYTES_MAX) this.#collected = undefined
  }

  /** The log takes records again: what expired meanwhile comes first. */
  logOpened(): void {
    for (const { databaseIndex, timeMs, bytes } of this.#missed.splice(0)) {
      if (this.#logShard === undefined) return
      this.#log?.append(this.#logShard, databaseIndex, timeMs, bytes, 0, bytes.length)
    }
  }

  /** A snapshot of this moment begins. */
  saveBegan(nowMs: number): { readonly changes: number } {
    this.wantsSave = false
    this.isSaving = true
    this.triedAtMs = nowMs
    if (this.#collected !== undefined) this.#collected = []
    this.#collectedBytes = 0
    return { changes: this.changes }
  }

  /** It is durable and stands at `position`. */
  saveEnded(changes: number, position: LogPosition, nowMs: number): void {
    this.isSaving = false
    this.wasSaveGood = true
    this.savedAtMs = nowMs
    this.savesCount++
    this.changes -= changes
    const collected = this.#collected
    this.#collected = undefined
    if (this.#logShard !== undefined || !keepsLog(this.persistence)) return
    if (collected === undefined || this.#log?.state.kind !== 'open') {
      this.#join()
      return
    }
    this.#startLogging(position.offset)
    if (this.#logShard === undefined) return
    for (const { databaseIndex, timeMs, bytes } of collected) {
      this.#log.append(this.#logShard, databaseIndex, timeMs, bytes, 0, bytes.length)
    }
  }

  saveFailed(): void {
    this.isSaving = false
    this.wasSaveGood = false
  }

  /** Whether a snapshot is wanted, or due by the rules. */
  isSaveDue(nowMs: number): boolean {
    if (this.isSaving || !this.isLoaded) return false
    const { changes, savedAtMs, triedAtMs, wasSaveGood: wasGood } = this
    const history = { changes, savedAtMs, triedAtMs, wasGood }
    if (this.#collected !== undefined && !wasGood) return isRetryDue(history, nowMs)
    if (this.wantsSave) return true
    return keepsSnapshots(this.persistence) && isSaveDue(this.persistence.saveRules, history, nowMs)
  }
}

/** Whether anybody wants to know of changes. */
const isListening = (persistence: Persistence): boolean =>
  keepsLog(persistence) || (keepsSnapshots(persistence) && persistence.saveRules.length > 0)

const isRetryDue = ({ triedAtMs }: { readonly triedAtMs: number }, nowMs: number): boolean =>
  nowMs - triedAtMs > RETRY_AFTER_MS

const copyOf = (bytes: Buffer, length: number): Buffer => Buffer.from(bytes.subarray(0, length))
