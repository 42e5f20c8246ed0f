/** Options of requests, from query and body, refused in the words of Kubernetes. */
import { forbiddenValue, invalidValue, tooLong, unsupportedValue } from '../schema/field-error.ts'
import { type Fields, isFields } from '../schema/schema.ts'
import { badRequest, invalidOptions, type StatusCause } from '../store/api-error.ts'
import type { DeleteOptions, ListOptions, WriteOptions } from '../store/api-store.ts'
import type { Exchange } from './exchange.ts'
import type { ParsedBody } from './json-body.ts'
import type { IncludeObject } from './table.ts'

const FIELD_MANAGER_BYTES_MAX = 128
const matches = ['Exact', 'NotOlderThan', ''] as const
const validations = ['', 'Ignore', 'Strict', 'Warn'] as const
const policies = ['Foreground', 'Background', 'Orphan'] as const

const kinds: Readonly<Record<string, string>> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
  DELETE: 'DeleteOptions',
}

/** @throws ApiError Invalid with every cause */
function refuse({ method }: Exchange, causes: readonly StatusCause[]): void {
  if (causes.length > 0) throw invalidOptions(kinds[method] ?? 'ListOptions', causes)
}

const isOneOf = <T extends string>(value: unknown, all: readonly T[]): value is T =>
  all.some((one) => one === value)

/** What a list and a watch may say about versions. @throws ApiError Invalid */
export function versionMatch(exchange: Exchange): ListOptions['resourceVersionMatch'] {
  const match = exchange.query('resourceVersionMatch') ?? ''
  if (!isOneOf(match, matches))
    throw invalidOptions('ListOptions', [unsupportedValue('resourceVersionMatch', match, matches)])
  return match === '' ? undefined : match
}

export function includeObject(exchange: Exchange): IncludeObject {
  const wanted = exchange.query('includeObject') ?? 'Metadata'
  if (wanted === 'None' || wanted === 'Metadata' || wanted === 'Object') return wanted
  throw badRequest(`unrecognized includeObject value: ${wanted}`)
}

/** Of a create, an update or a patch. @throws ApiError 400, 422 */
export function writeOptions(
  exchange: Exchange,
  { duplicateFields }: ParsedBody,
  isApply = false,
): WriteOptions {
  const dryRun = exchange.url.searchParams.getAll('dryRun')
  const manager = exchange.query('fieldManager')
  const validation = exchange.query('fieldValidation') ?? ''
  refuse(exchange, [
    ...dryRunProblems(dryRun),
    ...(Buffer.byteLength(manager ?? '') > FIELD_MANAGER_BYTES_MAX
      ? [tooLong('fieldManager', FIELD_MANAGER_BYTES_MAX)]
      : []),
    ...(isOneOf(validation, validations)
      ? []
      : [unsupportedValue('fieldValidation', validation, validations)]),
    ...(exchange.isSet('force') && !isApply
      ? [forbiddenValue('force', 'may not be specified for non-apply patch')]
      : []),
  ])
  const fieldValidation = (validation || 'Warn') as WriteOptions['fieldValidation']
  reportDuplicates(exchange, duplicateFields, fieldValidation)
  return {
    fieldManager: manager || isApply ? manager : firstWordOfAgent(exchange),
    dryRun: dryRun.length > 0,
    fieldValidation,
    warn: (text) => exchange.warn(text),
  }
}

function reportDuplicates(
  exchange: Exchange,
  fields: readonly string[],
  fieldValidation: WriteOptions['fieldValidation'],
): void {
  const duplicates = fields.map((path) => `duplicate field "${path}"`)
  if (duplicates.length > 0 && fieldValidation === 'Strict')
    throw badRequest(`strict decoding error: ${duplicates.join(', ')}`)
  if (fieldValidation === 'Warn') for (const text of duplicates) exchange.warn(text)
}

/** Who writes, when nobody says: as Kubernetes does. */
function firstWordOfAgent({ request }: Exchange): string | undefined {
  const agent = request.headers['user-agent']?.split('/')[0] ?? ''
  return agent.slice(0, FIELD_MANAGER_BYTES_MAX) || undefined
}

function dryRunProblems(values: readonly string[]): StatusCause[] {
  return values.every((value) => value === 'All')
    ? []
    : [unsupportedValue('dryRun', values, ['All'])]
}

/** From the query and the body, which wins. @throws ApiError 422 */
export function deleteOptions(exchange: Exchange, body: unknown): DeleteOptions {
  const given: Fields = isFields(body) ? body : {}
  const policy = given.propagationPolicy ?? exchange.query('propagationPolicy')
  const grace = given.gracePeriodSeconds ?? exchange.number('gracePeriodSeconds')
  const inBody = Array.isArray(given.dryRun) ? given.dryRun.map(String) : []
  const dryRun = [...inBody, ...exchange.url.searchParams.getAll('dryRun')]
  refuse(exchange, [
    ...dryRunProblems(dryRun),
    ...(policy === undefined || isOneOf(policy, policies)
      ? []
      : [unsupportedValue('propagationPolicy', policy, [...policies, 'nil'])]),
    ...(grace === undefined || grace === null || Number.isInteger(grace)
      ? []
      : [invalidValue('gracePeriodSeconds', grace, 'must be a whole number')]),
  ])
  return {
    ...(typeof grace === 'number' && { gracePeriodSeconds: grace }),
    ...(policy !== undefined && {
      propagationPolicy: policy as DeleteOptions['propagationPolicy'],
    }),
    ...(isFields(given.preconditions) && { preconditions: given.preconditions }),
    dryRun: dryRun.length > 0,
  }
}
