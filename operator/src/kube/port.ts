/**
 * What the operator asks of a Kubernetes API. A role: KubeClient speaks to a real server, tests and
 * simulation speak to the embedded one.
 *
 * Every call rejects with a KubeError and has a deadline; nothing is retried here.
 */
import type { KubeObject, ObjectName, ResourceType, Stored } from './object.ts'

export interface KubePort {
  /**
   * Reads one object, always from the server.
   * @returns undefined only when the server says that this very object does not exist; a kind that
   *   is not served (no CRD) rejects with UnknownResource, so that it is never taken for a deletion
   */
  get<T extends KubeObject>(type: ResourceType<T>, name: ObjectName): Promise<Stored<T> | undefined>

  /** One page. Use listAll for all of them. */
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<ObjectList<T>>

  /**
   * Server-side apply under our field manager, with force: creates or merges; fields that we applied
   * before and leave out now are removed. With metadata.uid a recreated object is a Conflict.
   */
  apply<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<Stored<T>>

  /** POST. @throws AlreadyExists */
  create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<Stored<T>>

  /** PUT of the whole object; metadata.resourceVersion must be set. @throws Conflict */
  replace<T extends KubeObject>(type: ResourceType<T>, object: Stored<T>): Promise<Stored<T>>

  /**
   * JSON merge patch (RFC 7396). Lists are replaced whole: put metadata.resourceVersion into the
   * patch when it changes one.
   */
  merge<T extends KubeObject>(
    type: ResourceType<T>,
    name: ObjectName,
    patch: object,
  ): Promise<Stored<T>>

  /**
   * Server-side apply of the status subresource; sends nothing when `seen` already has that status
   * (plain JSON, fields that are undefined do not count).
   * @returns whether something was written
   */
  patchStatus<T extends KubeObject & { readonly status?: unknown }>(
    type: ResourceType<T>,
    seen: T,
    status: NonNullable<T['status']>,
  ): Promise<boolean>

  /** Deletes. An object that is not there is fine; a precondition that does not hold is a Conflict. */
  delete(type: ResourceType, name: ObjectName, options?: DeleteOptions): Promise<void>

  /**
   * Events after options.resourceVersion. Ends when the server ends it (timeout), throws KubeError
   * when it breaks: Gone for 410, as status and as event. Aborting the signal ends it quietly.
   */
  watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>>
}

export interface Scope {
  /** All namespaces when absent. */
  readonly namespace?: string
  /** `key=value,key2` as the API spells it. */
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

export interface ListOptions extends Scope {
  readonly limit?: number
  readonly continue?: string
}

export interface ObjectList<T extends KubeObject> {
  readonly items: readonly Stored<T>[]
  readonly resourceVersion: string
  /** Present when there are more pages. */
  readonly continue?: string
}

export interface DeleteOptions {
  readonly uid?: string
  readonly resourceVersion?: string
  /** Background when absent. */
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan'
  readonly gracePeriodSeconds?: number
}

export interface WatchOptions extends Scope {
  readonly resourceVersion: string
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
}

export type WatchEvent<T extends KubeObject> =
  | { readonly kind: 'added' | 'modified' | 'deleted'; readonly object: Stored<T> }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }

export const LIST_PAGE_ITEMS = 500

/** All objects in scope, read from the server page by page. */
export async function listAll<T extends KubeObject>(
  kube: Pick<KubePort, 'list'>,
  type: ResourceType<T>,
  scope: Scope = {},
): Promise<{ readonly items: readonly Stored<T>[]; readonly resourceVersion: string }> {
  const items: Stored<T>[] = []
  let page = await kube.list(type, { ...scope, limit: LIST_PAGE_ITEMS })
  for (items.push(...page.items); page.continue !== undefined; items.push(...page.items)) {
    page = await kube.list(type, { ...scope, limit: LIST_PAGE_ITEMS, continue: page.continue })
  }
  return { items, resourceVersion: page.resourceVersion }
}
