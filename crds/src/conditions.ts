/**
 * Condition types and their reasons, one catalogue for all kinds.
 *
 * Ready, Reconciling and Stalled follow kstatus, so that kubectl wait, Argo CD and Flux
 * understand them. https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
 */
import { z } from 'zod'

export const conditionTypes = {
  ready: 'Ready',
  reconciling: 'Reconciling',
  stalled: 'Stalled',
  /** RuntimePool: True while orphaned shards are kept because too much vanished at once. */
  orphansHeld: 'OrphansHeld',
  /** TenantNode: False while its data cannot be read or written as its specification promises. */
  storageHealthy: 'StorageHealthy',
  /** RuntimePool: False while volumes are smaller than the pool asks for. */
  volumesSized: 'VolumesSized',
} as const

export type ConditionType = (typeof conditionTypes)[keyof typeof conditionTypes]

/** Every reason that a condition may carry, with what it means. */
export const reasons = {
  Serving: 'The tenant answers on its endpoint.',
  PoolMissing: 'No RuntimePool of that name exists in the operator namespace.',
  NoCapacity: 'No member of the pool can take the tenant.',
  MemberNotReady: 'The pod that holds the tenant is not ready.',
  AssignmentPending: 'The pod has not confirmed the tenant yet.',
  EndpointPending: 'The Service has no address yet.',
  NameConflict: 'An object that the tenant needs exists and belongs to somebody else.',
  MembersReady: 'All members of the pool are ready.',
  MembersStarting: 'Some members of the pool are not ready yet.',
  ScaleDownBlocked: 'Members that should go still hold tenants.',
  Settled: 'Nothing is left to do.',
  InProgress: 'Work is under way.',
  InvalidSpec: 'The specification cannot be carried out; see the message.',
  TooManyVanished: 'Many tenants, or their definition, vanished at once; nothing is wiped.',
  NoOrphans: 'Every shard belongs to a tenant that exists.',
  Persisting: 'Data are written and read as the tenant asks for.',
  MemoryOnly: 'The tenant asks for no persistence: a restart empties it.',
  Loading: 'Data are being read from the volume; until then commands get LOADING.',
  StorageDamaged: 'A file of the tenant is damaged, and nothing of it is served.',
  StorageFull: 'The volume is full: writes are refused, reads go on.',
  StorageFailed: 'A write or fsync failed: writes are refused until the pod is restarted.',
  DataRetained: 'Data of a deleted tenant of this name are kept, and somebody has to decide.',
  VolumesSized: 'Every volume is as large as the pool asks for.',
  VolumesResizing: 'Volumes are being expanded.',
  ExpansionUnsupported: 'The StorageClass does not allow its volumes to be expanded.',
} as const

export type Reason = keyof typeof reasons

/** Every reason that an Event may carry beside those of conditions. */
export const eventReasons = {
  PodCreated: 'A runtime pod was created.',
  PodDeleted: 'A runtime pod was deleted: ended, of an older template, or not wanted any more.',
  PodReleased: 'A runtime pod has provably ended; its name and volume are free.',
  CertificateRenewed: 'A member got a new certificate.',
  MemberRemoved: 'A member is gone, with its volume.',
  TenantsGivenUp: 'The shards of deleted tenants may be wiped.',
  VolumeExpanded: 'A volume grows to the size that the pool wants.',
  DataRetained: 'The data of deleted tenants is kept, as their deletionPolicy says.',
  RetainedDataRemoved: 'Kept data of deleted tenants may be wiped, because a person said so.',
  CopyLost: 'A member came back with another volume: the keys of its tenants are gone.',
} as const

export type EventReason = keyof typeof eventReasons

const camelCase = z
  .string()
  .max(64)
  .regex(/^[A-Z][A-Za-z]*$/)

export const conditionSchema = z
  .object({
    type: camelCase,
    status: z.enum(['True', 'False', 'Unknown']),
    reason: camelCase,
    message: z.string().max(1024),
    observedGeneration: z.int().min(0).optional(),
    lastTransitionTime: z.iso.datetime(),
  })
  .meta({ description: 'One aspect of the state, as metav1.Condition.' })

export type Condition = z.output<typeof conditionSchema>

/** A list-map keyed by type. */
export const conditionsSchema = z
  .array(conditionSchema)
  .max(16)
  .meta({
    description: 'The state in the terms of kstatus: Ready, Reconciling, Stalled.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  })
