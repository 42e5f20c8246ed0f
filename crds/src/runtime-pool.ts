/** RuntimePool: a set of runtime pods that many tenants share. */
import { z } from 'zod'
import { byteSizePattern } from './bytes.ts'
import { conditionsSchema } from './conditions.ts'
import { POOL_NAME_LENGTH_MAX } from './names.ts'
import { text, withRules, withTransition } from './rule.ts'

export const MEMBERS_PER_POOL_MAX = 64
/** More retained tenants are kept, but not listed in the status. */
export const RETAINED_LISTED_MAX = 128

const cpuQuantity = text('^[1-9][0-9]{0,5}m?$', 8, 'must be cores or milli-cores, like 1 or 500m')
const size = text(byteSizePattern, 16, 'must be a whole number of Mi or Gi, for example 512Mi')

/** CEL: the whole number of Mi in a size. Its pattern was checked before. */
const mebibytes = (size: string): string =>
  `int(${size}.replace('Gi', '').replace('Mi', '')) * (${size}.endsWith('Gi') ? 1024 : 1)`

const amounts = z.object({ cpu: cpuQuantity.optional(), memory: size.optional() })

const storage = withTransition(
  z.object({
    size: withTransition(
      size,
      `${mebibytes('self')} >= ${mebibytes('oldSelf')}`,
      'cannot shrink: create a pool of another name with smaller volumes instead',
    )
      .default('1Gi')
      .meta({
        description:
          'Size of the volume of each member. It may grow where the StorageClass allows expansion.',
      }),
    storageClassName: z
      .string()
      .max(253)
      .optional()
      .meta({ description: 'The StorageClass; without it the default class of the cluster.' }),
  }),
  'has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)',
  'storageClassName cannot be changed: create a pool of another name instead',
).meta({ description: 'The volume of each member.' })

export const runtimePoolSpecSchema = z
  .object({
    members: z
      .int()
      .min(1)
      .max(MEMBERS_PER_POOL_MAX)
      .default(3)
      .meta({ description: 'How many runtime pods. A member that holds tenants is not removed.' }),
    image: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .meta({ description: 'The runtime image; without it the one that the operator came with.' }),
    imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent').meta({
      description: 'When the image is pulled.',
    }),
    resources: z
      .object({ requests: amounts.optional(), limits: amounts.optional() })
      .prefault({ requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } })
      .meta({ description: 'Resources of each runtime pod.' }),
    storage: storage.prefault({}),
  })
  .meta({ description: 'What is wanted.' })

const memberStatus = z
  .object({
    name: z.string().max(63),
    ready: z.boolean(),
    zone: z.string().max(63).optional(),
    address: z.string().max(45).optional(),
    tenants: z.int().min(0).meta({ description: 'Shards placed on this member.' }),
    message: z.string().max(256).optional(),
  })
  .meta({ description: 'One runtime pod.' })

export const runtimePoolStatusSchema = z
  .object({
    observedGeneration: z.int().min(0).optional(),
    conditions: conditionsSchema.optional(),
    replicas: z.int().min(0).optional().meta({ description: 'Members that exist.' }),
    readyReplicas: z.int().min(0).optional().meta({ description: 'Members that are ready.' }),
    selector: z.string().max(256).optional().meta({ description: 'Label selector of the pods.' }),
    tenants: z.int().min(0).optional().meta({ description: 'Tenants placed in the pool.' }),
    tenantDefinitionUid: z
      .string()
      .max(64)
      .optional()
      .meta({ description: 'The TenantNode CRD that the placed tenants belong to.' }),
    retained: z
      .array(
        z.object({
          tenantUid: z.string().max(64),
          namespace: z.string().max(63),
          name: z.string().max(63),
        }),
      )
      .max(RETAINED_LISTED_MAX)
      .optional()
      .meta({
        description: 'Deleted tenants whose data are kept (deletionPolicy Retain).',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['tenantUid'],
      }),
    members: z
      .array(memberStatus)
      .max(2 * MEMBERS_PER_POOL_MAX)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
  })
  .meta({ description: 'What is there.' })

const nameRule = {
  cel: `size(self.metadata.name) <= ${POOL_NAME_LENGTH_MAX} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')`,
  message: `metadata.name must start with a letter, use only a-z, 0-9 and '-', and have at most ${POOL_NAME_LENGTH_MAX} characters`,
  holds: ({ metadata: { name } }: { metadata: { name: string } }) =>
    name.length <= POOL_NAME_LENGTH_MAX && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name),
}

export const runtimePoolSchema = withRules(
  z
    .object({
      metadata: z.looseObject({ name: z.string(), namespace: z.string(), uid: z.string() }),
      spec: runtimePoolSpecSchema.prefault({}),
      status: runtimePoolStatusSchema.optional(),
    })
    .meta({ description: 'A set of runtime pods that many tenants share.' }),
  [nameRule],
)

export type RuntimePoolSpec = z.output<typeof runtimePoolSpecSchema>
export type RuntimePoolStatus = z.output<typeof runtimePoolStatusSchema>
