/*
 * The authority store: shard records in ShardMap objects, read without cache and written by PUT with
 * resourceVersion (AUTHORITY 1).
 *
 * Every read and every change of a pool waits for the next round. A round lists the pool's objects
 * once, hands the same table to everybody who waits, and writes what changed once. So two hundred
 * tenants that come at the same time cost a few lists and a few writes. A conflict throws the round
 * away and runs it again on what is there now, which is why a change must be a function of the
 * table it gets.
 */
import { labels, type ShardRecord } from '@miniredis/crds'
import type { PoolOwner } from '../builders/owned-metadata.ts'
import { buildShardMap } from '../builders/shard-map.ts'
import { isKubeError, KubeError } from '../kube/errors.ts'
import { type KubePort, listAll } from '../kube/port.ts'
import { shardMaps } from '../kube/resources.ts'
import { type ShardMapWrite, ShardTable } from './shard-table.ts'

/** Rounds that may fail on conflicts before everybody in them is told. */
const ROUND_ATTEMPTS_MAX = 5

/** Decides on the table and changes it. May run more than once, each time on a fresh table. */
export type ShardChange<T> = (table: ShardTable) => T

interface Job {
  readonly run: (table: ShardTable) => () => void
  readonly reject: (error: unknown) => void
  /** Needed to create objects; a reader has none. */
  readonly pool: PoolOwner | undefined
}

interface Lane {
  waiting: Job[]
  isRunning: boolean
  known: readonly ShardRecord[]
}

type StoreKube = Pick<KubePort, 'list' | 'create' | 'replace' | 'delete'>

export class ShardMapStore {
  readonly #kube: StoreKube
  readonly #namespace: string
  readonly #pause: () => Promise<void>
  readonly #lanes = new Map<string, Lane>()

  /** @param pause between rounds that follow each other, so that the next one carries more */
  constructor(kube: StoreKube, namespace: string, pause = async (): Promise<void> => {}) {
    this.#kube = kube
    this.#namespace = namespace
    this.#pause = pause
  }

  /** The records of a pool as the API has them, in a read that begins after this call. */
  read(pool: string): Promise<readonly ShardRecord[]> {
    return this.#enqueue(pool, undefined, ({ records }) => records)
  }

  /**
   * Runs the change on what the API has and writes what it changed.
   * @returns what the change returned, once it is written
   * @throws KubeError Conflict when others kept writing in between
   */
  mutate<T>(pool: PoolOwner, change: ShardChange<T>): Promise<T> {
    return this.#enqueue(pool.metadata.name, pool, change)
  }

  /** What the last round saw. Good for finding out whom news concern, never for a decision. */
  known(pool: string): readonly ShardRecord[] {
    return this.#lanes.get(pool)?.known ?? []
  }

  #enqueue<T>(poolName: string, pool: PoolOwner | undefined, change: ShardChange<T>): Promise<T> {
    const lane = this.#lanes.get(poolName) ?? { waiting: [], isRunning: false, known: [] }
    this.#lanes.set(poolName, lane)
    const answer = new Promise<T>((resolve, reject) => {
      const run = (table: ShardTable) => {
        const result = change(table)
        return () => resolve(result)
      }
      lane.waiting.push({ run, reject, pool })
    })
    if (!lane.isRunning) void this.#runRounds(poolName, lane)
    return answer
  }

  async #runRounds(poolName: string, lane: Lane): Promise<void> {
    lane.isRunning = true
    while (lane.waiting.length > 0) {
      const jobs = lane.waiting.splice(0)
      try {
        for (const settle of await this.#runRound(poolName, lane, jobs)) settle()
      } catch (error) {
        for (const { reject } of jobs) reject(error)
      }
      if (lane.waiting.length > 0) await this.#pause()
    }
    lane.isRunning = false
  }

  async #runRound(poolName: string, lane: Lane, jobs: Job[]): Promise<readonly (() => void)[]> {
    for (let attempt = 1; ; attempt++) {
      const table = await this.#load(poolName)
      const settle = jobs.flatMap((job) => runJob(job, table))
      try {
        const pool = jobs.find((job) => job.pool !== undefined)?.pool
        for (const write of table.writes()) await this.#write(write, pool)
        lane.known = table.records
        return settle
      } catch (error) {
        if (!isOvertaken(error) || attempt === ROUND_ATTEMPTS_MAX) throw error
      }
    }
  }

  async #load(pool: string): Promise<ShardTable> {
    const { items } = await listAll(this.#kube, shardMaps, {
      namespace: this.#namespace,
      labelSelector: `${labels.pool}=${pool}`,
    })
    return new ShardTable(items)
  }

  async #write(write: ShardMapWrite, pool: PoolOwner | undefined): Promise<void> {
    switch (write.kind) {
      case 'replace':
        await this.#kube.replace(shardMaps, write.object)
        return
      case 'create': {
        if (pool === undefined) throw new KubeError('NotFound', 'a ShardMap needs its RuntimePool')
        await this.#kube.create(shardMaps, buildShardMap({ pool, ...write }))
        return
      }
      case 'delete': {
        const { namespace, name, resourceVersion } = write.object.metadata
        const where = { ...(namespace !== undefined && { namespace }), name }
        await this.#kube.delete(shardMaps, where, { resourceVersion })
      }
    }
  }
}

/** A change that throws is its caller's affair alone. */
function runJob({ run, reject }: Job, table: ShardTable): readonly (() => void)[] {
  try {
    return [run(table)]
  } catch (error) {
    reject(error)
    return []
  }
}

/** Somebody else wrote in between: deleted, changed or created an object that we know otherwise. */
const isOvertaken = (error: unknown): boolean =>
  isKubeError(error, 'Conflict', 'AlreadyExists', 'NotFound')
