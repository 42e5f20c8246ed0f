/**
 * What a part of the operator may do in the API. Declared beside the code that does it, in a file
 * named permissions.ts; `make gen` turns all of them into the chart's roles.
 */

export interface Permission {
  /** '' is the core group. */
  readonly group: string
  /** With subresource, as `pods/status`. */
  readonly resources: readonly string[]
  readonly verbs: readonly Verb[]
  /** Only these objects. create and list cannot be limited by name. */
  readonly resourceNames?: readonly string[]
  /** `operator`: only in the operator's own namespace; `cluster`: everywhere. */
  readonly scope: 'operator' | 'cluster'
}

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete'
