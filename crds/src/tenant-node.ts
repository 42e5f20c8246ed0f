/** TenantNode: one tenant database, as a developer asks for it. */
import { z } from 'zod'
import { byteSizePattern } from './bytes.ts'
import { conditionsSchema } from './conditions.ts'
import { TENANT_NAME_LENGTH_MAX } from './names.ts'
import { persistenceSpecSchema } from './persistence.ts'
import { text, withRules, withTransition } from './rule.ts'

export const CONNECTIONS_PER_TENANT_MAX = 10_000

const memory = z
  .object({
    limit: text(byteSizePattern, 16, 'must be a whole number of Mi or Gi, for example 64Mi')
      .default('64Mi')
      .meta({
        description: 'Memory that the keys may use. At the limit writes get -OOM, reads go on.',
      }),
  })
  .meta({ description: 'How much memory the tenant may use.' })

const limits = z
  .object({
    connections: z
      .int()
      .min(1)
      .max(CONNECTIONS_PER_TENANT_MAX)
      .default(1000)
      .meta({ description: 'Client connections that the tenant may hold at the same time.' }),
  })
  .meta({ description: 'Limits that keep the tenant from hurting its neighbours.' })

const endpoint = z
  .object({
    type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']).default('ClusterIP').meta({
      description: 'The type of the Service of the tenant.',
    }),
    port: z
      .int()
      .min(1)
      .max(65_535)
      .default(6379)
      .meta({ description: 'The port of the Service.' }),
  })
  .meta({ description: 'Where clients connect.' })

export const deletionPolicies = ['Delete', 'Retain'] as const
export type DeletionPolicy = (typeof deletionPolicies)[number]

export const tenantNodeSpecSchema = z
  .object({
    pool: withTransition(
      text('^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$', 40, 'must be the name of a RuntimePool'),
      'self == oldSelf',
      'cannot be changed: create a TenantNode of another name in the other pool instead',
    )
      .default('default')
      .meta({
        description: 'The RuntimePool, in the namespace of the operator, that serves the tenant.',
      }),
    memory: memory.prefault({}),
    limits: limits.prefault({}),
    databases: withTransition(
      z.int().min(1).max(16),
      'self >= oldSelf',
      'can only grow, because keys in a removed database would be lost',
    )
      .default(16)
      .meta({ description: 'How many databases SELECT can choose from.' }),
    endpoint: endpoint.prefault({}),
    persistence: persistenceSpecSchema.prefault({}),
    deletionPolicy: z.enum(deletionPolicies).default('Delete').meta({
      description:
        'What becomes of the data when the TenantNode is deleted: wiped, or kept in the pool for a tenant of the same name that adopts them.',
    }),
  })
  .meta({ description: 'What is wanted.' })

export const tenantPhases = ['Pending', 'Provisioning', 'Ready', 'Unavailable', 'Failed'] as const
export type TenantPhase = (typeof tenantPhases)[number]

const shardStatus = z
  .object({
    index: z.int().min(0).max(1023),
    slots: z.string().max(16).meta({ description: 'First and last slot, for example 0-16383.' }),
    epoch: z.int().min(1).meta({ description: 'Grows with every change of authority.' }),
    primary: z.string().max(63).meta({ description: 'The pod that acknowledges writes.' }),
    replicas: z
      .array(z.string().max(63))
      .max(8)
      .meta({ description: 'Pods that hold further copies.' }),
    phase: z.enum(['Serving', 'Unavailable']),
  })
  .meta({ description: 'One shard and where it lives.' })

export const tenantNodeStatusSchema = z
  .object({
    observedGeneration: z.int().min(0).optional(),
    phase: z.enum(tenantPhases).optional().meta({ description: 'The state in one word.' }),
    conditions: conditionsSchema.optional(),
    endpoint: z
      .object({
        host: z.string().max(253),
        port: z.int().min(1).max(65_535),
        address: z.string().max(260).meta({ description: 'host:port' }),
      })
      .optional()
      .meta({ description: 'Where clients connect.' }),
    binding: z
      .object({ name: z.string().max(63) })
      .optional()
      .meta({
        description: 'The Secret with connection details (servicebinding.io).',
      }),
    shards: z
      .array(shardStatus)
      .max(1024)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['index'] }),
    usage: z
      .object({
        memoryBytes: z.int().min(0),
        keys: z.int().min(0),
        connections: z.int().min(0),
      })
      .optional()
      .meta({ description: 'What the tenant used, at most a minute and a tenth behind.' }),
  })
  .meta({ description: 'What is there.' })

const nameRule = {
  cel: `size(self.metadata.name) <= ${TENANT_NAME_LENGTH_MAX} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')`,
  message: `metadata.name must start with a letter, use only a-z, 0-9 and '-', and have at most ${TENANT_NAME_LENGTH_MAX} characters`,
  holds: ({ metadata: { name } }: { metadata: { name: string } }) =>
    name.length <= TENANT_NAME_LENGTH_MAX && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name),
}

export const tenantNodeSchema = withRules(
  z
    .object({
      metadata: z.looseObject({ name: z.string(), namespace: z.string(), uid: z.string() }),
      spec: tenantNodeSpecSchema.prefault({}),
      status: tenantNodeStatusSchema.optional(),
    })
    .meta({ description: 'A Redis-compatible database of one tenant.' }),
  [nameRule],
)

export type TenantNodeSpec = z.output<typeof tenantNodeSpecSchema>
export type TenantNodeStatus = z.output<typeof tenantNodeStatusSchema>
