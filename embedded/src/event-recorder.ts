/** Writes Events, the short messages that `kubectl describe` shows. The store forgets old ones. */
import type { Clock } from './clock.ts'
import { timestamp } from './clock.ts'
import type { ObjectMeta } from './kinds.ts'
import type { ApiStore } from './store/api-store.ts'
import { resources } from './store/resources.ts'

/** Events that one recorder counts up; older ones are written anew. */
export const EVENTS_KNOWN_MAX = 1000

export interface EventSubject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

export interface EventText {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

interface KnownEvent {
  readonly namespace: string
  readonly name: string
  readonly firstTimestamp: string
  count: number
}

export class EventRecorder {
  readonly #store: ApiStore
  readonly #component: string
  readonly #clock: Clock
  readonly #known = new Map<string, KnownEvent>()
  #sequence = 0

  constructor(store: ApiStore, component: string, clock: Clock) {
    this.#store = store
    this.#component = component
    this.#clock = clock
  }

  /** The same event again counts one up. Never throws: an event that cannot be written is lost. */
  record(subject: EventSubject, text: EventText): void {
    const key = [subject.metadata.uid, text.reason, text.message].join('\n')
    try {
      const known = this.#known.get(key)
      if (known !== undefined && this.#repeat(known)) return
      this.#known.set(key, this.#create(subject, text))
      this.#forgetOldest()
    } catch {
      this.#known.delete(key)
    }
  }

  #create({ apiVersion, kind, metadata }: EventSubject, text: EventText): KnownEvent {
    const now = this.#clock.now()
    this.#sequence += 1
    const { name, namespace, uid } = metadata
    // A Kubernetes habit: the name of the subject and a time in hexadecimal.
    const unique = `${name}.${(now * 1000 + (this.#sequence % 1000)).toString(16)}`
    const at = timestamp(now)
    this.#store.create(resources.events, {
      metadata: { name: unique, namespace },
      involvedObject: { apiVersion, kind, name, namespace, uid },
      ...text,
      source: { component: this.#component },
      reportingComponent: this.#component,
      reportingInstance: this.#component,
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    })
    return { namespace, name: unique, firstTimestamp: at, count: 1 }
  }

  /** false: the store has forgotten it. */
  #repeat(known: KnownEvent): boolean {
    if (this.#store.find(resources.events, known) === undefined) return false
    known.count += 1
    const body = { count: known.count, lastTimestamp: timestamp(this.#clock.now()) }
    this.#store.patch(resources.events, known, { kind: 'merge', body })
    return true
  }

  #forgetOldest(): void {
    const [oldest] = this.#known.keys()
    if (oldest !== undefined && this.#known.size > EVENTS_KNOWN_MAX) this.#known.delete(oldest)
  }
}
