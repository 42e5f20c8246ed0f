/**
 * What a member says of its volume: shards that are still loading, shards whose files are damaged,
 * and whether the log can be written. Level-based: each report carries everything.
 */
import { z } from 'zod'

/** More damaged shards than this are not told apart any more: the volume itself is gone. */
export const DAMAGED_SHARDS_MAX = 256
const LOADING_SHARDS_MAX = 4096

const shardFields = {
  tenantUid: z.string().min(1).max(64),
  shard: z.int().min(0).max(1023),
} as const
/** Relative to the data directory of the member, for example `log/0000000000000007.seg`. */
const file = z.string().min(1).max(255)
const message = z.string().max(512)

export const loadingShardSchema = z.strictObject({
  ...shardFields,
  percent: z.int().min(0).max(100),
})
export type LoadingShard = z.output<typeof loadingShardSchema>

/** A shard that is not served, because what its files say cannot be trusted. */
export const damagedShardSchema = z.strictObject({
  ...shardFields,
  file,
  /** The first byte that is not as it should be. */
  offset: z.int().min(0),
  message,
})
export type DamagedShard = z.output<typeof damagedShardSchema>

/**
 * Full: writes are refused until there is room. Failed: a write or fsync failed, which is final for
 * this run of the engine; writes are refused until it is started again.
 */
export const volumeStateSchema = z.strictObject({
  state: z.enum(['Healthy', 'Full', 'Failed']),
  file: file.optional(),
  message,
})
export type VolumeState = z.output<typeof volumeStateSchema>

export const storageReportSchema = z.strictObject({
  volume: volumeStateSchema,
  loading: z.array(loadingShardSchema).max(LOADING_SHARDS_MAX),
  damaged: z.array(damagedShardSchema).max(DAMAGED_SHARDS_MAX),
})
export type StorageReport = z.output<typeof storageReportSchema>

/** What a member that said nothing else is taken for. */
export const healthyStorage: StorageReport = {
  volume: { state: 'Healthy', message: '' },
  loading: [],
  damaged: [],
}
