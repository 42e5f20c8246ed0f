/** The last seen state of one kind, fed by a reflector. Reads are cheap and may be stale. */
import assert from 'node:assert/strict'
import {
  type Key,
  type KubeObject,
  keyOf,
  keyOfObject,
  type ObjectName,
  type Stored,
} from './object.ts'

/** What reconcilers see of a cache. Objects are shared: never change one. */
export interface CacheView<T extends KubeObject> {
  /** Whether a complete list has been seen at least once. */
  readonly synced: boolean
  readonly size: number
  get(name: ObjectName): Stored<T> | undefined
  /** In the order of their keys; only one namespace when it is given. */
  list(namespace?: string): readonly Stored<T>[]
  /** In the order of their keys. The label must be among the indexed ones. */
  withLabel(label: string, value: string): readonly Stored<T>[]
}

/** Called after the cache has changed. A deleted object comes as it was last seen. */
export type CacheHandler<T extends KubeObject> = (object: Stored<T>, previous?: Stored<T>) => void

export class ObjectCache<T extends KubeObject> implements CacheView<T> {
  readonly #objects = new Map<Key, Stored<T>>()
  readonly #indexes: ReadonlyMap<string, Map<string, Set<Key>>>
  readonly #handlers = new Set<CacheHandler<T>>()
  #synced = false

  constructor(indexedLabels: readonly string[] = []) {
    this.#indexes = new Map(indexedLabels.map((label) => [label, new Map()]))
  }

  get synced(): boolean {
    return this.#synced
  }

  get size(): number {
    return this.#objects.size
  }

  get(name: ObjectName): Stored<T> | undefined {
    return this.#objects.get(keyOf(name))
  }

  list(namespace?: string): readonly Stored<T>[] {
    const all = this.#inOrder(this.#objects.keys())
    return namespace === undefined
      ? all
      : all.filter(({ metadata }) => metadata.namespace === namespace)
  }

  withLabel(label: string, value: string): readonly Stored<T>[] {
    const index = this.#indexes.get(label)
    assert(index !== undefined, `no index of label ${label}: name it where the kind is watched`)
    return this.#inOrder(index.get(value) ?? [])
  }

  onChange(handler: CacheHandler<T>): void {
    this.#handlers.add(handler)
  }

  put(object: Stored<T>): void {
    const previous = this.#objects.get(keyOfObject(object))
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return
    this.#store(object, previous)
    for (const handler of this.#handlers) handler(object, previous)
  }

  remove(object: Stored<T>): void {
    const previous = this.#objects.get(keyOfObject(object))
    if (previous === undefined) return
    this.#objects.delete(keyOfObject(object))
    this.#unindex(previous)
    for (const handler of this.#handlers) handler(previous, previous)
  }

  /** Takes a complete list: what is not in it is gone. */
  replace(objects: readonly Stored<T>[]): void {
    const present = new Set(objects.map(keyOfObject))
    const gone = [...this.#objects.values()].filter((object) => !present.has(keyOfObject(object)))
    this.#synced = true
    for (const object of gone) this.remove(object)
    for (const object of objects) this.put(object)
  }

  #store(object: Stored<T>, previous: Stored<T> | undefined): void {
    if (previous !== undefined) this.#unindex(previous)
    this.#objects.set(keyOfObject(object), object)
    for (const [label, index] of this.#indexes) {
      const value = object.metadata.labels?.[label]
      if (value === undefined) continue
      const keys = index.get(value) ?? new Set<Key>()
      index.set(value, keys.add(keyOfObject(object)))
    }
  }

  #unindex(object: Stored<T>): void {
    for (const [label, index] of this.#indexes) {
      const value = object.metadata.labels?.[label]
      const keys = value === undefined ? undefined : index.get(value)
      keys?.delete(keyOfObject(object))
      if (value !== undefined && keys?.size === 0) index.delete(value)
    }
  }

  #inOrder(keys: Iterable<Key>): Stored<T>[] {
    return [...keys].sort().flatMap((key) => this.#objects.get(key) ?? [])
  }
}
