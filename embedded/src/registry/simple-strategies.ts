/** What the API server adds to and demands of the small kinds beyond their schema. */
import {
  forbiddenValue,
  invalidValue,
  requiredValue,
  tooLong,
  unsupportedValue,
} from '../schema/field-error.ts'
import { type Fields, isFields } from '../schema/schema.ts'
import type { StatusCause } from '../store/api-error.ts'
import { isSameJson } from '../store/json-equality.ts'
import type { KubeObject } from '../store/kube-object.ts'
import { child, peek, setDefaults, text } from './draft.ts'
import type { Strategy } from './resource-definition.ts'

const DATA_BYTES_MAX = 1024 * 1024
const dataKey = /^[-._a-zA-Z0-9]{1,253}$/
const base64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function validateData(draft: Readonly<Fields>, fields: readonly string[]): StatusCause[] {
  const entries = fields.flatMap((field) =>
    Object.entries(peek(draft, field)).map(([key, value]) => ({ field, key, value: text(value) })),
  )
  const bytes = entries.reduce((sum, { value }) => sum + value.length, 0)
  return [
    ...entries
      .filter(({ key }) => !dataKey.test(key))
      .map(({ field, key }) =>
        invalidValue(
          `${field}[${key}]`,
          key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        ),
      ),
    ...(bytes > DATA_BYTES_MAX ? [tooLong(fields[0] ?? 'data', DATA_BYTES_MAX)] : []),
  ]
}

function validateImmutable(
  draft: Readonly<Fields>,
  old: KubeObject | undefined,
  fields: readonly string[],
): StatusCause[] {
  if (old?.immutable !== true) return []
  return [...fields, 'immutable']
    .filter((field) => !isSameJson(draft[field] ?? {}, old[field] ?? {}))
    .map((field) => forbiddenValue(field, 'field is immutable when `immutable` is set'))
}

function validateBase64(draft: Readonly<Fields>, field: string): StatusCause[] {
  return Object.entries(peek(draft, field))
    .filter(([, value]) => !base64.test(text(value).replace(/[\r\n]/g, '')))
    .map(([key]) => invalidValue(`${field}[${key}]`, '<omitted>', 'must be base64'))
}

const tlsKeys = ['tls.crt', 'tls.key']

export const secretStrategy: Strategy = {
  applyDefaults(draft) {
    const { stringData } = draft
    delete draft.stringData
    if (isFields(stringData))
      for (const [key, value] of Object.entries(stringData))
        child(draft, 'data')[key] = Buffer.from(text(value)).toString('base64')
    setDefaults(draft, { type: 'Opaque' })
  },
  validate: (draft, old) => [
    ...validateData(draft, ['data']),
    ...validateBase64(draft, 'data'),
    ...validateImmutable(draft, old, ['data']),
    ...(old !== undefined && old.type !== draft.type
      ? [invalidValue('type', draft.type, 'field is immutable')]
      : []),
    ...(draft.type === 'kubernetes.io/tls' ? tlsKeys : [])
      .filter((key) => peek(draft, 'data')[key] === undefined)
      .map((key) => requiredValue(`data[${key}]`)),
  ],
}

export const configMapStrategy: Strategy = {
  validate: (draft, old) => [
    ...validateData(draft, ['data', 'binaryData']),
    ...validateBase64(draft, 'binaryData'),
    ...validateImmutable(draft, old, ['data', 'binaryData']),
  ],
}

/** Only its collector, which empties it first, takes the finalizer away. */
export const NAMESPACE_FINALIZER = 'kubernetes'

export const namespaceStrategy: Strategy = {
  applyDefaults(draft) {
    const metadata = child(draft, 'metadata')
    setDefaults(child(metadata, 'labels'), { 'kubernetes.io/metadata.name': metadata.name })
  },
  prepareCreate(draft) {
    draft.spec = { finalizers: [NAMESPACE_FINALIZER] }
    draft.status = { phase: 'Active' }
  },
  prepareUpdate(draft, old) {
    draft.spec = structuredClone(old.spec)
  },
}

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']

/** The one StorageClass of the embedded cluster. */
export const DEFAULT_STORAGE_CLASS = 'standard'

export const claimStrategy: Strategy = {
  applyDefaults: (draft) => setDefaults(child(draft, 'spec'), { volumeMode: 'Filesystem' }),
  prepareCreate(draft) {
    // as the admission plug-in DefaultStorageClass does
    setDefaults(child(draft, 'spec'), { storageClassName: DEFAULT_STORAGE_CLASS })
    draft.status = { phase: 'Pending' }
  },
  validate: (draft, old) => [...validateClaim(draft), ...validateClaimChange(draft, old)],
}

function validateClaim(draft: Readonly<Fields>): StatusCause[] {
  const spec = peek(draft, 'spec')
  const modes = Array.isArray(spec.accessModes) ? spec.accessModes : []
  const { storage } = peek(peek(spec, 'resources'), 'requests')
  return [
    ...(modes.length === 0
      ? [requiredValue('spec.accessModes', 'at least 1 access mode is required')]
      : []),
    ...modes
      .filter((mode) => !accessModes.includes(text(mode)))
      .map((mode) => unsupportedValue('spec.accessModes', mode, accessModes)),
    ...(storage === undefined ? [requiredValue('spec.resources[storage]')] : []),
  ]
}

const claimWords =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'

function validateClaimChange(draft: Readonly<Fields>, old: KubeObject | undefined): StatusCause[] {
  if (old === undefined) return []
  const oldSpec = peek(old, 'spec')
  const frozen = (spec: Readonly<Fields>) => ({
    ...spec,
    resources: undefined,
    // the binder names the volume, once
    volumeName: oldSpec.volumeName === undefined ? undefined : spec.volumeName,
  })
  return isSameJson(frozen(peek(draft, 'spec')), frozen(oldSpec))
    ? []
    : [forbiddenValue('spec', claimWords)]
}

export const nodeStrategy: Strategy = {
  applyDefaults: (draft) => {
    child(draft, 'spec')
    child(draft, 'status')
  },
}

export const volumeStrategy: Strategy = {
  applyDefaults: (draft) =>
    setDefaults(child(draft, 'spec'), {
      volumeMode: 'Filesystem',
      persistentVolumeReclaimPolicy: 'Retain',
    }),
  prepareCreate(draft) {
    draft.status = { phase: 'Pending' }
  },
}

export const storageClassStrategy: Strategy = {
  applyDefaults: (draft) =>
    setDefaults(draft, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
}

export const leaseStrategy: Strategy = {
  validate(draft) {
    const { leaseDurationSeconds: seconds } = peek(draft, 'spec')
    if (seconds === undefined || Number(seconds) > 0) return []
    return [invalidValue('spec.leaseDurationSeconds', seconds, 'must be greater than 0')]
  },
}

const addressTypes = ['FQDN', 'IPv4', 'IPv6']

export const endpointSliceStrategy: Strategy = {
  applyDefaults(draft) {
    for (const port of Array.isArray(draft.ports) ? draft.ports : [])
      if (isFields(port)) setDefaults(port, { protocol: 'TCP', name: '' })
  },
  validate: (draft, old) => [
    ...(addressTypes.includes(text(draft.addressType))
      ? []
      : [unsupportedValue('addressType', draft.addressType ?? '', addressTypes)]),
    ...(old !== undefined && old.addressType !== draft.addressType
      ? [invalidValue('addressType', draft.addressType, 'field is immutable')]
      : []),
  ],
}

export const eventStrategy: Strategy = {
  applyDefaults: (draft) => setDefaults(draft, { type: 'Normal' }),
  validate(draft) {
    const metadata = peek(draft, 'metadata')
    const involved = peek(draft, 'involvedObject')
    const namespace = text(involved.namespace) || 'default'
    return namespace === metadata.namespace
      ? []
      : [invalidValue('involvedObject.namespace', namespace, 'does not match event.namespace')]
  },
}
