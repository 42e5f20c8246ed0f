/** Pages of a list: all pages of one list show the same revision. */
import type { ResourceDefinition } from '../registry/resource-definition.ts'
import { forbiddenValue } from '../schema/field-error.ts'
import { ApiError, badRequest, expired, invalidOptions } from './api-error.ts'
import type { ListOptions, ObjectList } from './api-store.ts'
import { apiVersionOf, type KubeObject } from './kube-object.ts'
import { compareKeys, type ObjectTable } from './object-table.ts'
import type { Predicate } from './selectors.ts'

interface Token {
  readonly revision: number
  readonly after: string
}

const keyOf = ({ metadata: { namespace, name } }: KubeObject): string =>
  `${namespace ?? ''}/${name}`

/** @throws ApiError 400 for a malformed token or version, 410 when that revision is forgotten */
export function listPage(
  table: ObjectTable,
  definition: ResourceDefinition,
  options: ListOptions,
  matches: Predicate,
): ObjectList {
  const token = parseToken(options.continue)
  const revision = token?.revision ?? exactRevision(options, table.revision) ?? table.revision
  const all = readAt(table, definition.collection, revision, token !== undefined)
  const matching = all.filter(
    (object) =>
      (token === undefined || compareKeys(keyOf(object), token.after) > 0) && matches(object),
  )
  const items = options.limit ? matching.slice(0, options.limit) : matching
  const left = matching.length - items.length
  const last = items.at(-1)
  return {
    apiVersion: apiVersionOf(definition.resource),
    kind: definition.listKind,
    metadata: {
      resourceVersion: String(revision),
      ...(left > 0 &&
        last !== undefined && {
          continue: encodeToken({ revision, after: keyOf(last) }),
          remainingItemCount: left,
        }),
    },
    items,
  }
}

function readAt(
  table: ObjectTable,
  collection: string,
  revision: number,
  isContinued: boolean,
): readonly KubeObject[] {
  try {
    return table.listAt(collection, revision)
  } catch (error) {
    if (!isContinued) throw error
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
    )
  }
}

function exactRevision(options: ListOptions, newest: number): number | undefined {
  const { resourceVersion, resourceVersionMatch } = options
  if (resourceVersionMatch !== undefined && !resourceVersion)
    throw invalidOptions('ListOptions', [
      forbiddenValue(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden unless resourceVersion is provided',
      ),
    ])
  if (!resourceVersion) return undefined
  const revision = parseRevision(resourceVersion)
  if (revision > newest) throw tooNew(revision, newest)
  return resourceVersionMatch === 'Exact' ? revision : undefined
}

/** @throws ApiError BadRequest */
export function parseRevision(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw badRequest(`invalid resource version: "${text}"`)
}

export const tooNew = (wanted: number, newest: number): ApiError =>
  new ApiError(504, 'Timeout', `Too large resource version: ${wanted}, current: ${newest}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  })

const encodeToken = (token: Token): string =>
  Buffer.from(JSON.stringify(token)).toString('base64url')

function parseToken(text: string | undefined): Token | undefined {
  if (text === undefined || text === '') return undefined
  try {
    const { revision, after } = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (Number.isSafeInteger(revision) && typeof after === 'string') return { revision, after }
  } catch {
    // answered below
  }
  throw badRequest('continue key is not valid')
}
