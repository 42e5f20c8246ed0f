/**
 * All objects by collection, namespace and name, the revision counter, and a bounded history of
 * changes. A collection is 'pods' or 'tenantnodes.miniredis.io'. Objects are frozen.
 */
import { expired } from './api-error.ts'
import type { Journal } from './journal.ts'
import { deepFreeze } from './json-equality.ts'
import type { KubeObject } from './kube-object.ts'

export interface Change {
  readonly revision: number
  readonly collection: string
  readonly before: KubeObject | undefined
  readonly after: KubeObject | undefined
}

const indexKey = (namespace: string | undefined, name: string): string =>
  `${namespace ?? ''}/${name}`

const keyOfObject = ({ metadata: { namespace, name } }: KubeObject) => indexKey(namespace, name)

const inOrder = (a: KubeObject, b: KubeObject): number =>
  compareKeys(keyOfObject(a), keyOfObject(b))

export const compareKeys = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

class Collection {
  readonly byKey = new Map<string, KubeObject>()
  #sorted: readonly KubeObject[] | undefined

  set(key: string, object: KubeObject | undefined): void {
    if (object === undefined) this.byKey.delete(key)
    else this.byKey.set(key, object)
    this.#sorted = undefined
  }

  get sorted(): readonly KubeObject[] {
    this.#sorted ??= [...this.byKey.values()].sort(inOrder)
    return this.#sorted
  }
}

export class ObjectTable {
  readonly #journal: Journal
  readonly #collections = new Map<string, Collection>()
  readonly #history: Change[] = []
  readonly #historyMax: number
  readonly #listeners = new Set<(change: Change) => void>()
  #revision: number
  #isClosed = false
  /** Changes up to and including this revision can no longer be replayed. */
  #forgottenUpTo: number

  constructor(journal: Journal, historyMax: number) {
    this.#journal = journal
    this.#historyMax = historyMax
    // the first revision is 1: clients read resourceVersion 0 as "anything"
    this.#revision = Math.max(1, journal.readRevision())
    this.#forgottenUpTo = this.#revision
    for (const { collection, object } of journal.readAll())
      this.#collection(collection).set(keyOfObject(object), deepFreeze(object))
  }

  get revision(): number {
    return this.#revision
  }

  get(collection: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#collections.get(collection)?.byKey.get(indexKey(namespace, name))
  }

  /** Sorted by namespace and name. */
  list(collection: string): readonly KubeObject[] {
    return this.#collections.get(collection)?.sorted ?? []
  }

  collections(): string[] {
    return [...this.#collections.keys()].sort()
  }

  /** The collection as it was. @throws ApiError Expired when history does not reach back */
  listAt(collection: string, revision: number): readonly KubeObject[] {
    if (revision >= this.#revision) return this.list(collection)
    const objects = new Map(this.#collections.get(collection)?.byKey)
    for (const { before, after } of this.changesAfter(collection, revision).reverse()) {
      if (after !== undefined) objects.delete(keyOfObject(after))
      if (before !== undefined) objects.set(keyOfObject(before), before)
    }
    return [...objects.values()].sort(inOrder)
  }

  /** Oldest first. @throws ApiError Expired when history does not reach back */
  changesAfter(collection: string, revision: number): Change[] {
    if (revision < this.#forgottenUpTo)
      throw expired(`too old resource version: ${revision} (${this.#forgottenUpTo})`)
    return this.#history.filter(
      (change) => change.revision > revision && change.collection === collection,
    )
  }

  /**
   * Stores the next version of an object, or removes it (`after` undefined). Side effects in order:
   * the journal, the table, the history, the listeners.
   */
  commit(
    collection: string,
    before: KubeObject | undefined,
    build: (resourceVersion: string) => KubeObject | undefined,
  ): KubeObject | undefined {
    const revision = this.#revision + 1
    const after = deepFreeze(build(String(revision)))
    const { metadata } = after ?? before ?? {}
    if (metadata === undefined) return undefined
    const { namespace, name } = metadata
    this.#journal.write({ revision, collection, namespace: namespace ?? '', name, object: after })
    this.#revision = revision
    this.#collection(collection).set(indexKey(namespace, name), after)
    this.#remember({ revision, collection, before, after })
    return after
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #remember(change: Change): void {
    this.#history.push(change)
    if (this.#history.length > this.#historyMax * 2) {
      const forgotten = this.#history.splice(0, this.#history.length - this.#historyMax)
      this.#forgottenUpTo = forgotten.at(-1)?.revision ?? this.#forgottenUpTo
    }
    for (const listener of this.#listeners) listener(change)
  }

  #collection(name: string): Collection {
    const known = this.#collections.get(name)
    if (known !== undefined) return known
    const created = new Collection()
    this.#collections.set(name, created)
    return created
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#journal.close()
  }
}
