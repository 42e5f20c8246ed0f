/** The custom resources: names, columns and schemas. The generator turns this table into CRDs. */
import type { z } from 'zod'
import { runtimePoolSchema } from './runtime-pool.ts'
import { shardMapSchema } from './shard-map.ts'
import { tenantNodeSchema } from './tenant-node.ts'

export interface PrinterColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date'
  readonly jsonPath: string
  readonly description?: string
  /** Above 0: only with `-o wide`. */
  readonly priority?: number
}

export interface CustomResource {
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly schema: z.ZodType
  readonly hasStatus: boolean
  readonly scale?: {
    readonly specReplicasPath: string
    readonly statusReplicasPath: string
    readonly labelSelectorPath: string
  }
  readonly columns: readonly PrinterColumn[]
}

const age = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' } as const
const ready = {
  name: 'Ready',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].status',
} as const
const reason = {
  name: 'Reason',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
  priority: 1,
} as const

export const customResources: readonly CustomResource[] = [
  {
    kind: 'RuntimePool',
    plural: 'runtimepools',
    singular: 'runtimepool',
    shortNames: ['rp'],
    schema: runtimePoolSchema,
    hasStatus: true,
    scale: {
      specReplicasPath: '.spec.members',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
    columns: [
      ready,
      { name: 'Members', type: 'integer', jsonPath: '.spec.members' },
      { name: 'Up', type: 'integer', jsonPath: '.status.readyReplicas' },
      { name: 'Tenants', type: 'integer', jsonPath: '.status.tenants' },
      age,
      reason,
    ],
  },
  {
    kind: 'TenantNode',
    plural: 'tenantnodes',
    singular: 'tenantnode',
    shortNames: ['tn'],
    schema: tenantNodeSchema,
    hasStatus: true,
    columns: [
      { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
      ready,
      { name: 'Endpoint', type: 'string', jsonPath: '.status.endpoint.address' },
      { name: 'Memory', type: 'string', jsonPath: '.spec.memory.limit' },
      age,
      { name: 'Primary', type: 'string', jsonPath: '.status.shards[0].primary', priority: 1 },
      reason,
    ],
  },
  {
    kind: 'ShardMap',
    plural: 'shardmaps',
    singular: 'shardmap',
    shortNames: ['sm'],
    schema: shardMapSchema,
    hasStatus: false,
    columns: [{ name: 'Pool', type: 'string', jsonPath: '.spec.pool' }, age],
  },
]
