/** What the API knows about one resource: a row of the table of built-in kinds, or a version of a CRD. */

import type { NameForm } from '../schema/metadata-rules.ts'
import type { Fields, Schema } from '../schema/schema.ts'
import type { StatusCause } from '../store/api-error.ts'
import type { AddressAllocator, Verb } from '../store/api-store.ts'
import type { KubeObject, Resource } from '../store/kube-object.ts'

/** A column of server-side tables (`kubectl get`). */
export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  readonly format?: string | undefined
  readonly description?: string | undefined
  /** Above 0: only with `-o wide`. */
  readonly priority: number
  readonly cell: (object: KubeObject, nowMs: number) => string | number | boolean | null
}

export interface ScalePaths {
  readonly specReplicasPath: string
  readonly statusReplicasPath: string
  readonly labelSelectorPath?: string | undefined
}

export type Subresource = 'status' | 'scale' | 'binding' | 'log'

/** What a kind does beyond its schema. Drafts are changed in place. */
export interface Strategy {
  /** Every write, before validation. */
  readonly applyDefaults?: (draft: Fields) => void
  /** Create: initial status and whatever else clients do not decide. */
  readonly prepareCreate?: (draft: Fields, context: StrategyContext) => void
  /** Update: what is kept from the old object although the client did not send it. */
  readonly prepareUpdate?: (draft: Fields, old: KubeObject, context: StrategyContext) => void
  readonly validate?: (draft: Fields, old: KubeObject | undefined) => StatusCause[]
  /** After defaults and validation, and not on dry runs: takes addresses. Violations undo the write. */
  readonly allocate?: (draft: Fields, context: StrategyContext) => StatusCause[]
  /** The object is gone. */
  readonly release?: (object: KubeObject, context: StrategyContext) => void
}

export interface StrategyContext {
  /** RFC 3339, whole seconds. */
  readonly now: string
  readonly addresses: AddressAllocator | undefined
}

export interface ResourceDefinition {
  readonly resource: Resource
  /** Where objects are kept, whatever version they are asked for in: 'tenantnodes.miniredis.io'. */
  readonly collection: string
  readonly kind: string
  readonly listKind: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly isNamespaced: boolean
  readonly isCustom: boolean
  readonly verbs: readonly Verb[]
  readonly subresources: readonly Subresource[]
  readonly scale?: ScalePaths | undefined
  /** Of the whole object, apiVersion, kind and metadata included. */
  readonly schema: Schema
  /** Name of the OpenAPI component. */
  readonly component: string
  readonly nameForm: NameForm
  /** Whether metadata.generation counts changes of everything but metadata and status. */
  readonly hasGeneration: boolean
  /** A PUT without metadata.resourceVersion is refused. */
  readonly needsVersionToUpdate: boolean
  readonly columns: readonly Column[]
  readonly strategy: Strategy
}

export const everyVerb: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

export const hasSubresource = (
  { subresources }: ResourceDefinition,
  wanted: Subresource,
): boolean => subresources.includes(wanted)
