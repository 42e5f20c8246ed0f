/**
 * Everything that a process keeps on its disk: the log of all shards, their snapshots, and what
 * becomes of them from start to end.
 *
 *   assigned ─► start: snapshots, log ─► serving ─ tick: snapshots that are due ─► close
 *                    └► damaged: never served, reported
 */
import { type Assignment, keepsLog, keepsSnapshots, type StorageReport } from '@miniredis/crds'
import type { Replay } from '../commands/replay.ts'
import { IN_PROGRESS, NOT_KEPT, type PersistenceFacts } from '../commands/storage.ts'
import type { Storage } from '../server/engine-server.ts'
import type { Obstacle, Tenant } from '../tenancy/tenant.ts'
import type { Disk } from './disk.ts'
import type { Log } from './log/log.ts'
import { Recovery, type ShardDamage } from './recovery.ts'
import { formatSaveRules } from './save-rules.ts'
import { ShardKeeper } from './shard-keeper.ts'
import { type Slices, type Stopwatch, timedSlices } from './snapshot/slices.ts'
import { type Snapshot, startSnapshot } from './snapshot/snapshot.ts'
import { positionFields, type Shelf } from './snapshot-shelf.ts'
import { StorageReporter } from './storage-reporter.ts'

/** A slice of a snapshot, between which commands run. */
const SNAPSHOT_SLICE_MS = 2
/** A slice of loading: only errors and other tenants wait for it. */
const LOADING_SLICE_MS = 10
/** The log may be so many times as large as the data, and at least so large. */
const LOG_BYTES_PER_DATA_BYTE = 2
const LOG_BYTES_MIN = 256 * 1024 * 1024

/** Between two tries to delete what could not be deleted. */
const ERASURE_RETRY_MS = 10_000
/** Between two reports of how far loading is. */
const PROGRESS_INTERVAL_MS = 1000

const LOADING = 'LOADING Redis is loading the dataset in memory'

export interface StoreClock extends Stopwatch {
  nowMs(): number
}

/** What people should hear of. */
export interface StoreLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface ShardStoreOptions {
  readonly disk: Disk
  readonly shelf: Shelf
  /** undefined: no shard of this process has ever wanted one. */
  readonly log: Log | undefined
  /** Paths in reports are relative to it. */
  readonly directory: string
  readonly replay: Replay
  readonly clock: StoreClock
  readonly logger: StoreLogger
  readonly report: (report: StorageReport) => void
  /** CONFIG SET and CONFIG GET of what is not in the assignment; undefined: managed elsewhere. */
  readonly settings: StoreSettings | undefined
  /** Also shards with a log get a last snapshot, if they have save rules. */
  readonly savesAllOnClose: boolean
}

export interface StoreSettings {
  readonly fixed: ReadonlyMap<string, string>
  /** The assignment after CONFIG SET of one persistence setting, or the error. */
  configure(
    assignment: Assignment,
    name: string,
    value: string,
    hasLog: boolean,
  ): Assignment | string
}

interface RunningSave {
  readonly keeper: ShardKeeper
  readonly snapshot: Snapshot
  readonly done: Promise<void>
}

export class ShardStore implements Storage {
  readonly #options: ShardStoreOptions
  readonly #keepers = new Map<string, ShardKeeper>()
  readonly #byTenant = new Map<Tenant, ShardKeeper>()
  readonly #damages = new Map<string, ShardDamage>()
  /** Deleted before the log could hear of it. */
  readonly #doomed = new Set<string>()
  readonly #slices: Slices
  readonly #reporter: StorageReporter
  /** Shards that the log knew when it was read. */
  readonly #inLog = new Set<string>()
  #erasedAtMs = 0
  #phase: 'assigning' | 'loading' | 'serving' | 'closed' = 'assigning'
  #percent = 0
  #toldAtMs = 0
  #failure: string | undefined
  #running: RunningSave | undefined
  #listener: () => void = () => undefined

  constructor(options: ShardStoreOptions) {
    this.#options = options
    this.#slices = timedSlices(options.clock, SNAPSHOT_SLICE_MS)
    this.#reporter = new StorageReporter(options.directory, options.report)
    options.log?.onChange(() => this.#logChanged())
  }

  get syncedSequence(): number {
    return this.#options.log?.syncedSequence ?? 0
  }

  get isCongested(): boolean {
    return this.#options.log?.isCongested ?? false
  }

  get hasFailed(): boolean {
    return this.#options.log?.state.kind === 'failed'
  }

  onChange(listener: () => void): void {
    this.#listener = listener
  }

  assigned(tenant: Tenant): void {
    const known = this.#byTenant.get(tenant)
    if (known !== undefined) {
      this.#reconfigured(known)
      return
    }
    const keeper = new ShardKeeper(tenant, this.#options.log, this.#options.clock.nowMs())
    this.#byTenant.set(tenant, keeper)
    this.#keepers.set(keeper.name.key, keeper)
    if (this.#phase === 'serving') this.#beginAnew(keeper)
    else tenant.obstacle = tenant.assignment.persistence.mode === 'None' ? undefined : loading
  }

  #reconfigured(keeper: ShardKeeper): void {
    if (!isKept(keeper) && this.#phase === 'serving') this.#empty(keeper)
    keeper.reconfigured()
    this.#obstruct(keeper)
  }

  /** A shard that nobody here has held, or that was given up here before. */
  #beginAnew(keeper: ShardKeeper): void {
    const { key } = keeper.name
    if (this.#isKnown(key)) this.#erase(key)
    keeper.resume(undefined, true)
    this.#obstruct(keeper)
  }

  unassigned(tenant: Tenant): void {
    const keeper = this.#byTenant.get(tenant)
    if (keeper === undefined) return
    const { key } = keeper.name
    this.#byTenant.delete(tenant)
    this.#keepers.delete(key)
    this.#damages.delete(key)
    tenant.recorder = undefined
    if (this.#phase === 'serving') this.#erase(key)
    else this.#doomed.add(key)
    if (this.#running?.keeper === keeper) {
      this.#doomed.add(key)
      this.#running.snapshot.abandon(new Error('the database was deleted'))
    }
    this.#tell()
  }

  /**
   * The shard lives on, in memory only: nothing that was kept of it may come back. An empty snapshot
   * of its present position says so, and lets the log go.
   */
  #empty(keeper: ShardKeeper): void {
    if (this.#isKnown(keeper.name.key) || keeper.isLogging) keeper.wantsSave = true
  }

  /** Whether something of the shard is on the disk. */
  #isKnown(key: string): boolean {
    return this.#inLog.has(key) || this.#options.shelf.has(key)
  }

  /** Nothing of the shard comes back; the log rewrites what it has of it within minutes. */
  #erase(key: string): void {
    const { log, shelf, logger } = this.#options
    this.#inLog.delete(key)
    try {
      shelf.removeAll(key)
      if (log?.state.kind === 'open') log.forget(key)
      else if (log !== undefined) this.#doomed.add(key)
    } catch (error) {
      this.#doomed.add(key)
      logger.warn({ err: error, shard: key }, 'data of a deleted shard was not removed yet')
    }
  }

  async start(): Promise<void> {
    this.#phase = 'loading'
    const wanted = [...this.#keepers.values()]
    this.#tell()
    try {
      await this.#load(wanted)
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error)
      this.#options.logger.error({ err: error }, 'the volume could not be read')
    }
    this.#phase = 'serving'
    for (const keeper of this.#keepers.values()) this.#obstruct(keeper)
    this.#tell()
  }

  async #load(wanted: readonly ShardKeeper[]): Promise<void> {
    const { disk, shelf, log, replay, clock, logger } = this.#options
    const startedAtMs = clock.monotonicMs()
    shelf.prepare()
    const recovery = new Recovery({
      disk,
      shelf,
      log,
      replay,
      slices: timedSlices(clock, LOADING_SLICE_MS),
      keeper: (key) => this.#kept(key),
      damaged: (keeper, damage) => this.#damaged(keeper, damage),
      progress: (percent) => this.#progressed(percent),
    })
    await recovery.loadSnapshots(wanted.filter(isKept))
    const report = await recovery.readLog()
    this.#eraseOrphans(wanted, report?.shardKeys() ?? [])
    for (const keeper of this.#keepers.values()) {
      if (recovery.finish(keeper, report)) continue
      logger.error({ ...this.#damages.get(keeper.name.key) }, 'a shard is damaged, not served')
    }
    const { records, bytes, tornTail } = report ?? { records: 0, bytes: 0, tornTail: undefined }
    if (tornTail !== undefined) logger.warn({ ...tornTail }, 'the torn end of the log was cut off')
    const loadMs = Math.round(clock.monotonicMs() - startedAtMs)
    logger.info({ shards: wanted.length, records, bytes, loadMs }, 'data was loaded')
  }

  #kept(key: string): ShardKeeper | undefined {
    const keeper = this.#keepers.get(key)
    return keeper !== undefined && isKept(keeper) ? keeper : undefined
  }

  /**
   * What was given up while this process did not run. With no assignment at all nothing is erased:
   * then it is likelier that the journal of assignments is lost than that all tenants are.
   */
  #eraseOrphans(wanted: readonly ShardKeeper[], inLog: Iterable<string>): void {
    const { shelf, logger } = this.#options
    for (const key of inLog) this.#inLog.add(key)
    for (const keeper of wanted) if (!isKept(keeper)) this.#empty(keeper)
    const assigned = new Set(wanted.map(({ name }) => name.key))
    const orphans = new Set([...this.#inLog, ...shelf.keys()].filter((key) => !assigned.has(key)))
    if (orphans.size > 0 && wanted.length === 0) {
      logger.warn({ shards: orphans.size }, 'the volume holds shards that nobody assigned')
      return
    }
    for (const key of [...orphans, ...this.#doomed]) {
      this.#doomed.delete(key)
      this.#erase(key)
    }
  }

  #damaged(keeper: ShardKeeper, damage: ShardDamage): void {
    this.#damages.set(keeper.name.key, damage)
  }

  #progressed(percent: number): void {
    this.#percent = percent
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs - this.#toldAtMs < PROGRESS_INTERVAL_MS) return
    this.#toldAtMs = nowMs
    this.#tell()
  }

  #logChanged(): void {
    const { log } = this.#options
    if (this.#phase === 'serving') {
      for (const keeper of this.#keepers.values()) {
        if (log?.state.kind === 'open') keeper.logOpened()
        this.#obstruct(keeper)
      }
      this.#tell()
    }
    this.#listener()
  }

  /** Refuses what cannot be done for this shard just now. */
  #obstruct(keeper: ShardKeeper): void {
    keeper.tenant.obstacle = this.#obstacleOf(keeper)
  }

  #obstacleOf(keeper: ShardKeeper): Obstacle | undefined {
    if (!isKept(keeper)) return undefined
    const damage = this.#damages.get(keeper.name.key)
    if (damage !== undefined)
      return { stops: 'all', error: notServed(this.#reporter.shown(damage)) }
    if (this.#failure !== undefined) return { stops: 'all', error: unreadable(this.#failure) }
    if (!keeper.isLoaded) return loading
    const state = this.#options.log?.state
    if (keepsLog(keeper.persistence) && (state?.kind === 'full' || state?.kind === 'failed')) {
      return { stops: 'writes', error: `MISCONF Errors writing to the AOF file: ${state.reason}` }
    }
    const losesSaves = !keepsLog(keeper.persistence) && hasSaveRules(keeper) && !keeper.wasSaveGood
    return losesSaves ? { stops: 'writes', error: CANNOT_SAVE } : undefined
  }

  #tell(): void {
    const { log } = this.#options
    const loadingKeepers =
      this.#phase === 'loading'
        ? [...this.#keepers.values()].filter((keeper) => isKept(keeper) && !keeper.isLoaded)
        : []
    this.#reporter.tell({
      failure: this.#failure,
      logState: log?.state,
      loading: loadingKeepers,
      percent: this.#percent,
      damaged: [...this.#damages].flatMap(([key, damage]) => {
        const keeper = this.#keepers.get(key)
        return keeper === undefined ? [] : [[keeper, damage] as const]
      }),
    })
  }

  tick(nowMs: number): void {
    if (this.#phase !== 'serving' || this.#running !== undefined) return
    if (this.#doomed.size > 0 && nowMs - this.#erasedAtMs > ERASURE_RETRY_MS) {
      this.#erasedAtMs = nowMs
      this.#removeDoomed()
    }
    this.#limitLog()
    for (const keeper of this.#keepers.values()) {
      if (!keeper.isSaveDue(nowMs)) continue
      void this.#begin(keeper)
      return
    }
  }

  /** The shard that keeps the log from shrinking is written to a snapshot. */
  #limitLog(): void {
    const { log } = this.#options
    if (log?.state.kind !== 'open') return
    const { bytes, oldestPinnedBy } = log.stats()
    if (bytes <= LOG_BYTES_MIN || oldestPinnedBy === undefined) return
    let dataBytes = 0
    for (const { tenant } of this.#keepers.values()) dataBytes += tenant.usedBytes
    const keeper = this.#keepers.get(oldestPinnedBy)
    if (keeper !== undefined && bytes > LOG_BYTES_PER_DATA_BYTE * dataBytes) keeper.wantsSave = true
  }

  #begin(keeper: ShardKeeper): Promise<void> {
    const { disk, shelf, clock } = this.#options
    const { name, position, tenant } = keeper
    const { changes } = keeper.saveBegan(clock.nowMs())
    const path = shelf.pathFor(name, position)
    const aux = { 'redis-ver': '7.2.0', 'redis-bits': '64', ...positionFields(name, position) }
    const databases = isKept(keeper) ? tenant.databases() : []
    const snapshot = startSnapshot({ disk, path, databases, aux })
    const done = snapshot.run(this.#slices).then(
      () => this.#saved(keeper, path, position, changes),
      (error: unknown) => this.#notSaved(keeper, error),
    )
    this.#running = { keeper, snapshot, done }
    return done
  }

  #saved(
    keeper: ShardKeeper,
    path: string,
    position: { readonly epoch: number; readonly offset: number },
    changes: number,
  ): void {
    const { log, shelf, clock, logger } = this.#options
    const { key } = keeper.name
    this.#running = undefined
    if (this.#keepers.get(key) !== keeper) {
      this.#removeDoomed()
      return
    }
    shelf.keepOnly(key, path, position)
    if (log?.state.kind === 'open') log.retain(key, position)
    keeper.saveEnded(changes, position, clock.nowMs())
    this.#obstruct(keeper)
    logger.info({ shard: key, offset: position.offset }, 'a snapshot was written')
  }

  #notSaved(keeper: ShardKeeper, error: unknown): void {
    this.#running = undefined
    if (this.#keepers.get(keeper.name.key) !== keeper) {
      this.#removeDoomed()
      return
    }
    keeper.saveFailed()
    this.#obstruct(keeper)
    this.#options.logger.error({ err: error, shard: keeper.name.key }, 'a snapshot failed')
  }

  #removeDoomed(): void {
    for (const key of [...this.#doomed]) {
      this.#doomed.delete(key)
      if (!this.#keepers.has(key)) this.#erase(key)
    }
  }

  /** Writes this tenant's snapshot now and resolves with whether it is durable. */
  async saveNow(tenant: Tenant): Promise<boolean> {
    const keeper = this.#byTenant.get(tenant)
    if (keeper === undefined || !keeper.isLoaded) return false
    while (this.#running !== undefined) await this.#running.done
    await this.#begin(keeper)
    return keeper.wasSaveGood
  }

  persistenceOf(tenant: Tenant): PersistenceFacts {
    const { log } = this.#options
    const keeper = this.#byTenant.get(tenant)
    const state = log?.state.kind
    return {
      isLoading: keeper !== undefined && isKept(keeper) && !keeper.isLoaded,
      loadedPercent: this.#percent,
      changesSinceSave: keeper?.changes ?? 0,
      isSaving: keeper?.isSaving ?? false,
      lastSaveSeconds: Math.floor((keeper?.savedAtMs ?? 0) / 1000),
      wasLastSaveGood: keeper?.wasSaveGood ?? true,
      savesSinceStart: keeper?.savesCount ?? 0,
      hasLog: keeper !== undefined && keepsLog(keeper.persistence),
      isLogGood: state !== 'full' && state !== 'failed',
      logBytes: log?.stats().bytes ?? 0,
    }
  }

  save(tenant: Tenant): string | undefined {
    const keeper = this.#byTenant.get(tenant)
    if (keeper === undefined || !isKept(keeper)) return NOT_KEPT
    if (keeper.isSaving) return IN_PROGRESS
    keeper.wantsSave = true
    if (this.#running === undefined) void this.#begin(keeper)
    return undefined
  }

  settings(tenant: Tenant): ReadonlyMap<string, string> {
    const { persistence } = tenant.assignment
    return new Map([
      ...(this.#options.settings?.fixed ?? []),
      ['save', keepsSnapshots(persistence) ? formatSaveRules(persistence.saveRules) : ''],
      ['appendonly', keepsLog(persistence) ? 'yes' : 'no'],
      ['appendfsync', fsyncNames[persistence.fsync]],
    ])
  }

  configure(tenant: Tenant, name: string, value: string): string | undefined {
    const { settings } = this.#options
    if (settings === undefined) return MANAGED
    const changed = settings.configure(
      tenant.assignment,
      name,
      value,
      this.#options.log !== undefined,
    )
    if (typeof changed === 'string') return changed
    tenant.reconfigure(changed)
    const keeper = this.#byTenant.get(tenant)
    if (keeper !== undefined) this.#reconfigured(keeper)
    return undefined
  }

  /** The last snapshots, as redis-server writes one when it is asked to end. */
  async #saveLast(saves: boolean | undefined): Promise<void> {
    const { savesAllOnClose } = this.#options
    for (const keeper of this.#keepers.values()) {
      const isWanted = savesAllOnClose || !keepsLog(keeper.persistence)
      const isDue = isWanted && hasSaveRules(keeper) && keeper.changes > 0
      if (isKept(keeper)) keeper.wantsSave = saves ?? isDue
      if (keeper.wantsSave) await this.#begin(keeper)
    }
  }

  async close(saves?: boolean): Promise<void> {
    const wasServing = this.#phase === 'serving'
    this.#phase = 'closed'
    await this.#running?.done
    if (wasServing) await this.#saveLast(saves)
    await this.#options.log?.close()
  }
}

const hasSaveRules = ({ persistence }: ShardKeeper): boolean =>
  keepsSnapshots(persistence) && persistence.saveRules.length > 0

const loading: Obstacle = { stops: 'all', error: LOADING }
const fsyncNames = { Always: 'always', EverySecond: 'everysec', No: 'no' } as const
const CANNOT_SAVE =
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to " +
  'disk. Commands that may modify the data set are disabled, because this instance is configured ' +
  'to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option).'
const MANAGED = 'ERR CONFIG SET failed: how this database is kept is set by its TenantNode'

const isKept = ({ persistence }: ShardKeeper): boolean => persistence.mode !== 'None'

const notServed = ({ file, offset }: ShardDamage): string =>
  `ERR this database is not served: ${file} is damaged at offset ${offset}. ` +
  'Its operator must restore it from a backup'

const unreadable = (reason: string): string =>
  `ERR this database is not served: its volume cannot be read: ${reason}`
