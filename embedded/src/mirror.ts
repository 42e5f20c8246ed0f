/**
 * A parsed copy of one kind of object, kept up to date by a watch. The kubelet, the scheduler and
 * the network decide from mirrors and write through the store.
 */
import type { z } from 'zod'
import type { ApiStore, Watch, WatchEvent } from './store/api-store.ts'
import type { KubeObject, Resource } from './store/kube-object.ts'

export interface MirrorOptions<T> {
  readonly store: ApiStore
  readonly resource: Resource
  readonly schema: z.ZodType<T>
  /** After each change; `undefined` means the object is gone. */
  readonly onChange?: (object: T | undefined, key: string, previous: T | undefined) => void
  /** An object that does not have the shape this side needs. It is not in the mirror. */
  readonly onInvalid?: (object: KubeObject, message: string) => void
}

export const keyOfName = (namespace: string | undefined, name: string): string =>
  `${namespace ?? ''}/${name}`

export class Mirror<T> {
  readonly #options: MirrorOptions<T>
  readonly #objects = new Map<string, T>()
  #watch: Watch | undefined
  #isStopped = false

  constructor(options: MirrorOptions<T>) {
    this.#options = options
  }

  /** Existing objects are there when it returns; changes come later. */
  start(): void {
    const { store, resource } = this.#options
    const { items, metadata } = store.list(resource)
    const gone = new Set(this.#objects.keys())
    for (const object of items) {
      gone.delete(keyOfName(object.metadata.namespace, object.metadata.name))
      this.#set(object)
    }
    for (const key of gone) this.#delete(key)
    const { resourceVersion } = metadata
    const watch = store.watch(resource, { resourceVersion }, (event) => this.#take(event))
    this.#watch = watch
    watch.onClose(() => {
      if (!this.#isStopped && this.#watch === watch) this.start()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#watch?.close()
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(keyOfName(namespace, name))
  }

  list(): readonly T[] {
    return [...this.#objects.values()]
  }

  #take(event: WatchEvent): void {
    if (this.#isStopped || event.type === 'BOOKMARK' || event.type === 'ERROR') return
    const { namespace, name } = event.object.metadata
    if (event.type === 'DELETED') this.#delete(keyOfName(namespace, name))
    else this.#set(event.object)
  }

  #set(object: KubeObject): void {
    const key = keyOfName(object.metadata.namespace, object.metadata.name)
    const parsed = this.#options.schema.safeParse(object)
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      this.#options.onInvalid?.(object, `${issue?.path.join('.')}: ${issue?.message}`)
      this.#delete(key)
    } else {
      const previous = this.#objects.get(key)
      this.#objects.set(key, parsed.data)
      this.#options.onChange?.(parsed.data, key, previous)
    }
  }

  #delete(key: string): void {
    const previous = this.#objects.get(key)
    if (!this.#objects.delete(key)) return
    this.#options.onChange?.(undefined, key, previous)
  }
}
