/**
 * What happens to an object between a client and the table, as functions of the definition, the old
 * object and the input: unknown fields, defaults, validation, metadata that clients do not decide.
 */
import { hasSubresource, type ResourceDefinition } from '../registry/resource-definition.ts'
import { hasRules, validateRules } from '../schema/cel-rules.ts'
import { forbiddenValue, invalidValue } from '../schema/field-error.ts'
import { validateMetadata } from '../schema/metadata-rules.ts'
import { applyDefaults, pruneUnknownFields } from '../schema/prune.ts'
import { type Fields, isFields } from '../schema/schema.ts'
import { validateSchema } from '../schema/validate.ts'
import { badRequest, invalid, type StatusCause } from './api-error.ts'
import type { WriteOptions } from './api-store.ts'
import { copyJson, isSameJson } from './json-equality.ts'
import { apiVersionOf, type KubeObject } from './kube-object.ts'

/** A copy of the input as an object of the kind: unknown fields dropped, defaults filled in. */
export function parseInput(
  definition: ResourceDefinition,
  input: unknown,
  options: WriteOptions,
  patchBody?: unknown,
): Fields {
  const draft = copyInput(definition, input)
  reportUnknownFields(pruneUnknownFields(draft, definition.schema), definition, options, patchBody)
  applyDefaults(draft, definition.schema)
  return draft
}

/** A copy that has the kind's apiVersion and kind, and metadata. @throws ApiError BadRequest */
export function copyInput({ kind, resource }: ResourceDefinition, input: unknown): Fields {
  if (!isFields(input)) throw badRequest('the body of the request must be an object')
  const apiVersion = apiVersionOf(resource)
  const draft = copyJson(input)
  checkType(draft, apiVersion, kind)
  draft.apiVersion = apiVersion
  draft.kind = kind
  if (draft.metadata === undefined || draft.metadata === null) draft.metadata = {}
  if (!isFields(draft.metadata)) throw badRequest('metadata must be an object')
  dropEmpty(draft.metadata)
  return draft
}

/** Empty means absent in metadata, as in the Go types. */
function dropEmpty(metadata: Fields): void {
  for (const field of ['annotations', 'finalizers', 'labels', 'ownerReferences', 'namespace']) {
    const value = metadata[field]
    const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0
    if (isEmpty || value === '' || value === null) delete metadata[field]
  }
  if (metadata.creationTimestamp === null) delete metadata.creationTimestamp
}

function checkType({ apiVersion, kind }: Fields, wantedVersion: string, wantedKind: string): void {
  if (apiVersion !== undefined && apiVersion !== wantedVersion)
    throw badRequest(
      `the API version in the data (${String(apiVersion)}) does not match the expected API version (${wantedVersion})`,
    )
  if (kind !== undefined && kind !== wantedKind)
    throw badRequest(
      `the kind in the data (${String(kind)}) does not match the expected kind (${wantedKind})`,
    )
}

const UNKNOWN_FIELDS_SHOWN = 20

function reportUnknownFields(
  paths: readonly string[],
  { kind, resource }: ResourceDefinition,
  { fieldValidation, warn }: WriteOptions,
  patchBody: unknown,
): void {
  const texts = paths.slice(0, UNKNOWN_FIELDS_SHOWN).map((path) => `unknown field "${path}"`)
  if (texts.length === 0 || fieldValidation === undefined || fieldValidation === 'Ignore') return
  if (fieldValidation === 'Warn') {
    for (const text of texts) warn?.(text)
    return
  }
  const problem = `strict decoding error: ${texts.join(', ')}`
  if (patchBody !== undefined)
    throw invalid('', '', '', [invalidValue('patch', JSON.stringify(patchBody), problem)])
  throw badRequest(
    `${kind} in version "${resource.version}" cannot be handled as a ${kind}: ${problem}`,
  )
}

/** @throws ApiError 400 for values of a wrong type in built-in kinds, 422 for every other violation */
export function validateDraft(
  definition: ResourceDefinition,
  draft: Fields,
  old: KubeObject | undefined,
): void {
  const causes = validateSchema(draft, definition.schema).filter(
    // owners have rules of their own, with words of their own
    (cause) =>
      !(
        cause.field?.startsWith('metadata.ownerReferences') && cause.reason === 'FieldValueRequired'
      ) &&
      (old === undefined || !isOldFault(cause, draft, old)),
  )
  refuseMistyped(definition, causes)
  const metadata = draft.metadata as Fields
  causes.push(...validateMetadata(metadata, definition))
  if (old !== undefined) causes.push(...validateFinalizerChange(metadata, old))
  causes.push(...validateByRules(definition, draft, old, causes))
  if (causes.length === 0) causes.push(...(definition.strategy.validate?.(draft, old) ?? []))
  throwInvalid(definition, draft, causes)
}

const blocking = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
])

/** Rules may assume that the schema holds; where it does not, the answer says that they wait. */
function validateByRules(
  { schema }: ResourceDefinition,
  draft: Fields,
  old: KubeObject | undefined,
  causes: readonly StatusCause[],
): StatusCause[] {
  if (!hasRules(schema)) return []
  if (!causes.some(({ reason }) => blocking.has(reason)))
    return validateRules(rulesView(draft), old && rulesView(old), schema)
  const words =
    'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'
  return [invalidValue('', null, words)]
}

/**
 * A value that no longer fits a changed schema may stay while nobody touches it: otherwise an
 * upgrade of a definition would keep even status from being written.
 */
function isOldFault(
  { field = '' }: StatusCause,
  draft: Readonly<Fields>,
  old: KubeObject,
): boolean {
  const before = valueAt(old, field)
  return before !== undefined && isSameJson(before, valueAt(draft, field))
}

/** What is at 'spec.list[0].name'. A missing field is never the same as anything. */
function valueAt(object: unknown, path: string): unknown {
  let value = object
  for (const step of path.split(/[.[\]]+/).filter((part) => part !== ''))
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, step)
        ? (value as Fields)[step]
        : undefined
  return value
}

export function throwInvalid(
  { kind, resource }: ResourceDefinition,
  draft: Readonly<Fields>,
  causes: readonly StatusCause[],
): void {
  if (causes.length === 0) return
  const { name, generateName } = draft.metadata as Fields
  throw invalid(resource.group, kind, String(name ?? generateName ?? ''), causes)
}

/** Rules at the root see no metadata but names, as in Kubernetes. */
function rulesView(object: Readonly<Record<string, unknown>>): Fields {
  const { name, generateName } = object.metadata as Fields
  const metadata = { name, ...(generateName !== undefined && { generateName }) }
  return { ...object, metadata }
}

function refuseMistyped(
  { kind, resource, isCustom }: ResourceDefinition,
  causes: readonly StatusCause[],
): void {
  const mistyped = causes.find(
    ({ reason, field = '' }) =>
      reason === 'FieldValueTypeInvalid' && (!isCustom || field.startsWith('metadata')),
  )
  if (mistyped === undefined) return
  throw badRequest(
    `${kind} in version "${resource.version}" cannot be handled as a ${kind}: ${mistyped.field}: ${mistyped.message}`,
  )
}

function validateFinalizerChange(metadata: Readonly<Fields>, old: KubeObject): StatusCause[] {
  if (old.metadata.deletionTimestamp === undefined) return []
  const before = new Set(old.metadata.finalizers ?? [])
  const now = Array.isArray(metadata.finalizers) ? metadata.finalizers : []
  const added = now.filter((one) => !before.has(one))
  if (added.length === 0) return []
  const words = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((one) => `"${one}"`).join(', ')}}`
  return [forbiddenValue('metadata.finalizers', words)]
}

const serverOwned = [
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'generation',
  'namespace',
  'resourceVersion',
  'uid',
] as const

/** Puts back into a draft what an update through the main door cannot change. */
export function keepServerFields(
  definition: ResourceDefinition,
  draft: Fields,
  old: KubeObject,
): void {
  const metadata = draft.metadata as Fields
  for (const field of serverOwned) {
    if (old.metadata[field] === undefined) delete metadata[field]
    else metadata[field] = old.metadata[field]
  }
  delete metadata.selfLink
  if (!hasSubresource(definition, 'status')) return
  if (old.status === undefined) delete draft.status
  else draft.status = copyJson(old.status)
}

/** metadata.generation counts changes of what is wanted. */
export function nextGeneration(draft: Readonly<Fields>, old: KubeObject): number {
  const wanted = ({ metadata: _, status: __, ...rest }: Readonly<Fields>) => rest
  const generation = old.metadata.generation ?? 1
  return isSameJson(wanted(draft), wanted(old)) ? generation : generation + 1
}

/** Same object, not counting the times and bookkeeping of managedFields. */
export function isUnchanged(draft: Readonly<Fields>, old: KubeObject): boolean {
  return isSameJson(comparable(draft), comparable(old))
}

function comparable(object: Readonly<Record<string, unknown>>): unknown {
  const { managedFields, resourceVersion: _, ...metadata } = object.metadata as Fields
  const owners = Array.isArray(managedFields)
    ? managedFields.map(({ time: __, ...entry }) => entry)
    : []
  return { ...object, metadata: { ...metadata, managedFields: owners } }
}

/** Field order as people expect it in YAML. */
export function arrange({ apiVersion, kind, metadata, ...rest }: Fields): KubeObject {
  return { apiVersion, kind, metadata, ...rest } as unknown as KubeObject
}
