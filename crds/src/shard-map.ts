/**
 * ShardMap: who holds which shard and under which epoch. The authority of the product; written by
 * the operator leader alone, by PUT with resourceVersion (AUTHORITY 1). Users never write it.
 */
import { z } from 'zod'
import { SLOT_COUNT } from './names.ts'

/** About 128 shards in one object keep it far below the size limit of etcd. */
export const SHARDS_PER_MAP_MAX = 128

const slot = z
  .int()
  .min(0)
  .max(SLOT_COUNT - 1)

const incarnation = z
  .object({ podUid: z.string().max(64), bootNonce: z.string().max(64) })
  .meta({ description: 'One run of an engine process: pod UID and boot nonce.' })

export const shardRecordSchema = z
  .object({
    tenantUid: z.string().max(64),
    tenantNamespace: z.string().max(63),
    tenantName: z.string().max(63),
    shard: z.int().min(0).max(1023),
    firstSlot: slot,
    lastSlot: slot,
    epoch: z.int().min(1),
    phase: z.enum(['Serving', 'Retained', 'Removing']).meta({
      description:
        'Retained: the tenant is gone, its data are kept, nobody is served. Removing: the tenant is gone for certain, and its data may be wiped.',
    }),
    deletionPolicy: z.enum(['Delete', 'Retain']).optional().meta({
      description: 'What its tenant said last; without it: Delete.',
    }),
    ownerUid: z.string().max(64).optional().meta({
      description: 'The TenantNode that adopted the data; without it: tenantUid.',
    }),
    primary: z
      .object({ member: z.string().max(63), incarnation: incarnation.optional() })
      .meta({ description: 'The copy that acknowledges writes.' }),
    configuration: z
      .object({
        version: z.int().min(1),
        copies: z
          .array(
            z.object({
              member: z.string().max(63),
              volumeNonce: z.string().max(64).optional().meta({
                description: 'The volume that holds the copy; unset until the member named it.',
              }),
            }),
          )
          .min(1)
          .max(9),
      })
      .meta({ description: 'The versioned set of copies.' }),
  })
  .meta({ description: 'The authority over one shard.' })

export const shardMapSpecSchema = z
  .object({
    pool: z.string().max(63),
    shards: z
      .array(shardRecordSchema)
      .max(SHARDS_PER_MAP_MAX)
      .meta({
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['tenantUid', 'shard'],
      }),
  })
  .meta({ description: 'The shards of one pool, at most 128 in one object.' })

export const shardMapSchema = z
  .object({
    metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
    spec: shardMapSpecSchema,
  })
  .meta({ description: 'Internal: authority over shards. Written by the operator only.' })

export type ShardRecord = z.output<typeof shardRecordSchema>
export type ShardMapSpec = z.output<typeof shardMapSpecSchema>
export type Incarnation = z.output<typeof incarnation>

/** The UID of the TenantNode that the shard belongs to now; `tenantUid` is the name of its data. */
export const ownerUidOf = ({ ownerUid, tenantUid }: ShardRecord): string => ownerUid ?? tenantUid
