/** Who owns which field: metadata.managedFields, kept for every write, and server-side apply. */
import type { Schema } from '../schema/schema.ts'
import { ApiError } from '../store/api-error.ts'
import { isSameJson } from '../store/json-equality.ts'
import type { ManagedFieldsEntry } from '../store/kube-object.ts'
import {
  decodeFieldsV1,
  difference,
  emptySet,
  encodeFieldsV1,
  type FieldSet,
  intersection,
  isEmptySet,
  only,
  printPaths,
  union,
  without,
  withParents,
} from './field-set.ts'
import { compareValues, fieldSetOf, mergeValues, removeFields } from './typed-value.ts'

/** Who writes, by which operation, through which door. */
export interface Writer {
  readonly manager: string
  readonly apiVersion: string
  readonly subresource?: string | undefined
  /** RFC 3339. */
  readonly time: string
  /** The kind has a status subresource: its main door does not touch status. */
  readonly keepsStatusApart: boolean
}

/** Managers by Update beyond this many are merged, oldest first, as Kubernetes does. */
export const UPDATE_MANAGERS_MAX = 10
const ANCIENT = 'ancient-changes'

/** Fields that belong to the server or identify the object: nobody owns them. */
const unowned = [
  ['f:apiVersion'],
  ['f:kind'],
  ...[
    'creationTimestamp',
    'deletionGracePeriodSeconds',
    'deletionTimestamp',
    'generation',
    'managedFields',
    'name',
    'namespace',
    'resourceVersion',
    'selfLink',
    'uid',
  ].map((field) => ['f:metadata', `f:${field}`]),
]

interface Manager {
  readonly entry: ManagedFieldsEntry
  readonly set: FieldSet
}

const load = (entries: readonly ManagedFieldsEntry[]): Manager[] =>
  entries.map((entry) => ({ entry, set: decodeFieldsV1(entry.fieldsV1) }))

function store(managers: readonly Manager[]): ManagedFieldsEntry[] {
  return managers
    .filter(({ set }) => !isEmptySet(set))
    .map(({ entry, set }) => ({ ...entry, fieldsV1: encodeFieldsV1(set) }))
    .sort((a, b) => compareText(orderOf(a), orderOf(b)))
}

/** Appliers first, then the oldest, as Kubernetes lists them. */
const orderOf = ({ operation, time = '', manager, subresource = '' }: ManagedFieldsEntry): string =>
  JSON.stringify([operation, time, manager, subresource])

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const isSame = (entry: ManagedFieldsEntry, operation: string, writer: Writer): boolean =>
  entry.operation === operation &&
  entry.manager === writer.manager &&
  (entry.subresource ?? '') === (writer.subresource ?? '')

const newEntry = (operation: 'Apply' | 'Update', writer: Writer): ManagedFieldsEntry => ({
  manager: writer.manager,
  operation,
  apiVersion: writer.apiVersion,
  time: writer.time,
  fieldsType: 'FieldsV1',
  fieldsV1: {},
  ...(writer.subresource !== undefined && { subresource: writer.subresource }),
})

/** What a writer may own: through the status door only status, through the main door all the rest. */
function owned(set: FieldSet, writer: Writer): FieldSet {
  const free = without(set, unowned)
  if (writer.subresource === 'status') return only(free, 'f:status')
  return writer.keepsStatusApart ? without(free, [['f:status']]) : free
}

/** The entries after a create, update or patch other than apply. */
export function trackUpdate(
  before: unknown,
  after: unknown,
  entries: readonly ManagedFieldsEntry[],
  writer: Writer,
  schema: Schema,
): ManagedFieldsEntry[] {
  const { added, modified, removed } = compareValues(before, after, schema)
  const written = owned(union(added, modified), writer)
  const gone = without(removed, unowned)
  if (isEmptySet(written) && isEmptySet(gone)) return [...entries]
  const managers = load(entries)
  const others = managers
    .filter(({ entry }) => !isSame(entry, 'Update', writer))
    .map(({ entry, set }) => ({ entry, set: difference(difference(set, written), gone) }))
  const mine = managers.find(({ entry }) => isSame(entry, 'Update', writer))
  const set = difference(union(mine?.set ?? emptySet, written), gone)
  const changed = mine === undefined || !isSameJson(encodeFieldsV1(set), mine.entry.fieldsV1)
  const entry = changed ? newEntry('Update', writer) : mine.entry
  return store(limitManagers([...others, { entry, set }]))
}

function limitManagers(managers: readonly Manager[]): Manager[] {
  const updates = managers.filter(({ entry }) => entry.operation === 'Update')
  if (updates.length <= UPDATE_MANAGERS_MAX) return [...managers]
  const byAge = [...updates].sort((a, b) => ((a.entry.time ?? '') < (b.entry.time ?? '') ? -1 : 1))
  const ancient = byAge.slice(0, updates.length - UPDATE_MANAGERS_MAX + 1)
  const [first] = ancient
  if (first === undefined) return [...managers]
  const set = ancient.map((one) => one.set).reduce(union)
  const { subresource: _, ...entry } = first.entry
  return [
    { entry: { ...entry, manager: ANCIENT }, set },
    ...managers.filter((one) => !ancient.includes(one)),
  ]
}

export interface Applied {
  readonly object: unknown
  readonly entries: readonly ManagedFieldsEntry[]
}

/**
 * Server-side apply: `live` with what `config` says, without what this manager once applied and no
 * longer does, unless somebody else owns it too.
 * @param live an object without managedFields; `{}` to create
 * @throws ApiError Conflict when others own what `config` would change, and `force` is false
 */
export function applyConfiguration(
  live: unknown,
  config: unknown,
  entries: readonly ManagedFieldsEntry[],
  writer: Writer,
  schema: Schema,
  force: boolean,
): Applied {
  const managers = load(entries)
  const wanted = owned(fieldSetOf(config, schema), writer)
  const mine = managers.find(({ entry }) => isSame(entry, 'Apply', writer))
  const others = managers.filter((one) => one !== mine)
  const merged = mergeValues(live, config, schema)
  const pruned = prune(merged, mine?.set, wanted, others, schema)
  const { added, modified, removed } = compareValues(live, pruned, schema)
  const written = union(added, modified)
  const contested = others
    .map(({ entry, set }) => ({ entry, set: intersection(set, intersection(written, wanted)) }))
    .filter(({ set }) => !isEmptySet(set))
  if (contested.length > 0 && !force) throw conflictOf(contested)
  const gone = without(removed, unowned)
  const left = others.map(({ entry, set }) => {
    const lost = contested.find((one) => one.entry === entry)?.set ?? emptySet
    return { entry, set: difference(difference(set, lost), gone) }
  })
  const isUnchanged =
    mine !== undefined &&
    isSameJson(encodeFieldsV1(wanted), mine.entry.fieldsV1) &&
    isEmptySet(gone)
  const entry = isUnchanged ? mine.entry : newEntry('Apply', writer)
  return { object: pruned, entries: store([...left, { entry, set: wanted }]) }
}

function prune(
  merged: unknown,
  last: FieldSet | undefined,
  wanted: FieldSet,
  others: readonly Manager[],
  schema: Schema,
): unknown {
  if (last === undefined) return merged
  const kept = others.map(({ set }) => set).reduce(union, wanted)
  const abandoned = difference(withParents(last), withParents(kept))
  return removeFields(merged, keepParentsOf(abandoned, kept), schema)
}

/** An item or map entry that still holds something of somebody stays, although its own mark is gone. */
function keepParentsOf(abandoned: FieldSet, kept: FieldSet): FieldSet {
  return {
    isMember: abandoned.isMember && isEmptySet(kept),
    children: new Map(
      [...abandoned.children].map(([element, child]) => [
        element,
        keepParentsOf(child, kept.children.get(element) ?? emptySet),
      ]),
    ),
  }
}

function conflictOf(contested: readonly Manager[]): ApiError {
  const causes = contested.flatMap(({ entry, set }) =>
    printPaths(set).map((field) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${describe(entry)}`,
      field,
    })),
  )
  const lines = contested.map(({ entry, set }) => {
    const paths = printPaths(set)
    const list = paths.length === 1 ? ` ${paths[0]}` : paths.map((path) => `\n- ${path}`).join('')
    return `conflicts with ${describe(entry)}:${list}`
  })
  const [only] = causes
  const message =
    causes.length === 1 && only !== undefined
      ? `Apply failed with 1 conflict: ${only.message}: ${only.field}`
      : `Apply failed with ${causes.length} conflicts: ${lines.join('\n')}`
  return new ApiError(409, 'Conflict', message, { causes })
}

function describe({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  const door = subresource === undefined ? '' : ` with subresource "${subresource}"`
  const version = operation === 'Update' ? ` using ${apiVersion}` : ''
  return `"${manager}"${door}${version}`
}
