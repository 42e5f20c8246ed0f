/**
 * Watches: replays history, then follows changes. Events of one watch come in order of revision and
 * never within the call that caused them.
 */
import { ApiError } from './api-error.ts'
import type { Call, FaultHook, Watch, WatchEvent } from './api-store.ts'
import type { KubeObject } from './kube-object.ts'
import type { Change, ObjectTable } from './object-table.ts'
import type { Predicate } from './selectors.ts'

export const INITIAL_EVENTS_END = 'k8s.io/initial-events-end'

/** A watch that falls further behind is ended with 410: its client lists again. */
export const WATCH_BACKLOG_MAX = 20_000

export interface WatchSpec {
  readonly call: Call
  readonly collection: string
  readonly apiVersion: string
  readonly kind: string
  readonly matches: Predicate
  /** `undefined`: existing objects first. */
  readonly afterRevision: number | undefined
  readonly endsInitialEventsWithBookmark: boolean
  readonly allowsBookmarks: boolean
  /** From the stored version to the one asked for. */
  readonly convert: (object: KubeObject) => KubeObject
}

export class WatchHub {
  readonly #table: ObjectTable
  readonly #defer: (task: () => void) => void
  readonly #faults: FaultHook | undefined
  readonly #open = new Set<OpenWatch>()

  constructor(
    table: ObjectTable,
    defer: (task: () => void) => void,
    faults: FaultHook | undefined,
  ) {
    this.#table = table
    this.#defer = defer
    this.#faults = faults
    table.onChange((change) => {
      for (const watch of this.#open) watch.offer(change)
    })
  }

  /** @throws ApiError Expired when history does not reach back to `afterRevision` */
  open(spec: WatchSpec, listener: (event: WatchEvent) => void): Watch {
    const watch = new OpenWatch(spec, listener, {
      defer: this.#defer,
      faults: this.#faults,
      revision: () => this.#table.revision,
      forget: (closed) => this.#open.delete(closed),
    })
    if (spec.afterRevision === undefined) watch.offerExisting(this.#table.list(spec.collection))
    else
      for (const change of this.#table.changesAfter(spec.collection, spec.afterRevision))
        watch.offer(change)
    this.#open.add(watch)
    return watch
  }

  /** Ends the watches of a collection, as when its definition changes or goes. */
  closeCollection(collection: string): void {
    for (const watch of this.#open) if (watch.collection === collection) watch.endLater()
  }

  closeAll(): void {
    for (const watch of this.#open) watch.end()
  }
}

interface WatchContext {
  readonly defer: (task: () => void) => void
  readonly faults: FaultHook | undefined
  /** Every change up to it has been offered. */
  readonly revision: () => number
  readonly forget: (watch: OpenWatch) => void
}

class OpenWatch implements Watch {
  readonly #spec: WatchSpec
  readonly #listener: (event: WatchEvent) => void
  readonly #context: WatchContext
  readonly #closeListeners: (() => void)[] = []
  #queue: WatchEvent[] = []
  #isFlushPlanned = false
  #isClosed = false
  #isEnding = false

  constructor(spec: WatchSpec, listener: (event: WatchEvent) => void, context: WatchContext) {
    this.#spec = spec
    this.#listener = listener
    this.#context = context
  }

  get collection(): string {
    return this.#spec.collection
  }

  offerExisting(objects: readonly KubeObject[]): void {
    const { matches, endsInitialEventsWithBookmark } = this.#spec
    for (const object of objects) if (matches(object)) this.#enqueue({ type: 'ADDED', object })
    if (endsInitialEventsWithBookmark)
      this.#enqueue(this.#bookmark({ [INITIAL_EVENTS_END]: 'true' }))
  }

  offer(change: Change): void {
    if (change.collection !== this.#spec.collection) return
    const event = eventOf(change, this.#spec.matches)
    if (event !== undefined) this.#enqueue(event)
  }

  bookmark(): void {
    if (this.#spec.allowsBookmarks) this.#enqueue(this.#bookmark())
  }

  close(): void {
    this.#isClosed = true
    this.#queue = []
    this.#context.forget(this)
  }

  /** Ends the watch when what is queued has been delivered. */
  endLater(): void {
    this.#isEnding = true
    this.#planFlush()
  }

  end(): void {
    if (this.#isClosed) return
    this.close()
    for (const listener of this.#closeListeners) listener()
  }

  onClose(listener: () => void): void {
    this.#closeListeners.push(listener)
  }

  #bookmark(annotations?: Readonly<Record<string, string>>): WatchEvent {
    const { apiVersion, kind } = this.#spec
    const metadata = {
      resourceVersion: String(this.#context.revision()),
      creationTimestamp: null,
      ...(annotations !== undefined && { annotations }),
    }
    return { type: 'BOOKMARK', object: { apiVersion, kind, metadata } as unknown as KubeObject }
  }

  #enqueue(event: WatchEvent): void {
    if (this.#isClosed) return
    this.#queue.push(event)
    if (this.#queue.length > WATCH_BACKLOG_MAX) this.#queue = [tooSlow()]
    this.#planFlush()
  }

  #planFlush(): void {
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    this.#context.defer(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushPlanned = false
    const events = this.#queue
    this.#queue = []
    for (const event of events) {
      if (this.#isClosed) return
      this.#deliver(event)
    }
    if (this.#isEnding) this.end()
  }

  #deliver(event: WatchEvent): void {
    const verdict = this.#context.faults?.deliver?.(this.#spec.call, event) ?? 'deliver'
    if (verdict === 'drop') return
    if (verdict === 'close') this.end()
    else if (event.type === 'ERROR') {
      this.#listener(event)
      this.end()
    } else if (event.type === 'BOOKMARK') this.#listener(event)
    else this.#listener({ type: event.type, object: this.#spec.convert(event.object) })
  }
}

const tooSlow = (): WatchEvent => ({
  type: 'ERROR',
  object: new ApiError(410, 'Expired', 'the watch fell too far behind; list again').status,
})

/** What a change means to somebody who sees only what matches. */
function eventOf(change: Change, matches: Predicate): WatchEvent | undefined {
  const { before, after, revision } = change
  const had = before !== undefined && matches(before)
  const has = after !== undefined && matches(after)
  if (has) return { type: had ? 'MODIFIED' : 'ADDED', object: after }
  if (!had) return undefined
  // with the revision of its leaving, so that a watch can go on from there
  const metadata = { ...before.metadata, resourceVersion: String(revision) }
  return { type: 'DELETED', object: { ...before, metadata } }
}
