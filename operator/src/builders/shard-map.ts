/** A ShardMap: authority over about 128 shards of one pool. Its content is decided in shard-maps/. */
import { apiVersion, type ShardRecord } from '@miniredis/crds'
import type { ShardMap } from '../kube/resources.ts'
import { type PoolOwner, poolChild } from './owned-metadata.ts'

export interface ShardMapOptions {
  readonly pool: PoolOwner
  readonly index: number
  readonly shards: readonly ShardRecord[]
}

export const shardMapName = (pool: string, index: number): string => `${pool}-${index}`

export function buildShardMap({ pool, index, shards }: ShardMapOptions): ShardMap {
  return {
    apiVersion,
    kind: 'ShardMap',
    metadata: poolChild(pool, shardMapName(pool.metadata.name, index)),
    spec: { pool: pool.metadata.name, shards },
  }
}
