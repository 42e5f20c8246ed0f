/**
 * Events that people see with `kubectl describe`.
 *
 * The same news about the same object is one Event with a count. Writing is slow on purpose: at
 * most EVENTS_PER_FLUSH a second, the same Event at most every REPEAT_MS; what exceeds
 * PENDING_EVENTS_MAX is dropped and counted. Losing an Event is never worth failing a reconcile.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../control/clock.ts'
import { isKubeError } from './errors.ts'
import type { KubeObject } from './object.ts'
import type { KubePort } from './port.ts'
import { events, type KubeEvent } from './resources.ts'

export interface EventRecorder {
  /** Notes something about an object. Never waits and never fails: events are best effort. */
  record(about: KubeObject, event: RecordedEvent): void
}

export interface RecordedEvent {
  readonly type: 'Normal' | 'Warning'
  /** CamelCase, from the catalogue of reasons. */
  readonly reason: string
  readonly message: string
}

export const PENDING_EVENTS_MAX = 256
/** Events whose name is remembered, to raise their count instead of writing a new one. */
export const KNOWN_EVENTS_MAX = 1024
export const EVENTS_PER_FLUSH = 10
export const FLUSH_MS = 1_000
export const REPEAT_MS = 30_000
/** The API refuses more. */
export const EVENT_MESSAGE_CHARACTERS_MAX = 1024

const component = 'miniredis-operator'

export interface KubeEventRecorderOptions {
  readonly kube: Pick<KubePort, 'create' | 'merge'>
  readonly clock: Clock
  /** The pod that reports. */
  readonly instance: string
  readonly onFailure: (error: unknown) => void
}

interface KnownEvent {
  readonly about: KubeObject
  readonly event: RecordedEvent
  readonly firstMs: number
  lastMs: number
  count: number
  /** Set once it was written. */
  name?: string
  writtenMs?: number
}

export class KubeEventRecorder implements EventRecorder {
  readonly #options: KubeEventRecorderOptions
  readonly #known = new Map<string, KnownEvent>()
  readonly #pending = new Set<KnownEvent>()
  #timer: (() => void) | undefined
  #dropped = 0

  constructor(options: KubeEventRecorderOptions) {
    this.#options = options
  }

  /** Events that were not even tried, because too many waited. */
  get dropped(): number {
    return this.#dropped
  }

  record(about: KubeObject, event: RecordedEvent): void {
    const known = this.#remember(about, event)
    known.count++
    known.lastMs = this.#options.clock.now()
    if (this.#pending.has(known)) return
    if (this.#pending.size >= PENDING_EVENTS_MAX) {
      this.#dropped++
      return
    }
    this.#pending.add(known)
    this.#schedule(0)
  }

  /** Forgets what was not written yet. */
  close(): void {
    this.#timer?.()
    this.#timer = undefined
    this.#pending.clear()
  }

  #remember(about: KubeObject, event: RecordedEvent): KnownEvent {
    const { metadata, kind } = about
    const key = JSON.stringify([kind, metadata.uid, event.type, event.reason, event.message])
    const nowMs = this.#options.clock.now()
    const known = this.#known.get(key) ?? { about, event, firstMs: nowMs, lastMs: nowMs, count: 0 }
    this.#known.delete(key)
    this.#known.set(key, known)
    const [oldest] = this.#known.keys()
    if (this.#known.size > KNOWN_EVENTS_MAX && oldest !== undefined) this.#known.delete(oldest)
    return known
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== undefined) return
    this.#timer = this.#options.clock.after(delayMs, () => void this.#flush())
  }

  async #flush(): Promise<void> {
    const nowMs = this.#options.clock.now()
    const due = [...this.#pending].filter(
      ({ writtenMs = -Infinity }) => nowMs - writtenMs >= REPEAT_MS,
    )
    for (const known of due.slice(0, EVENTS_PER_FLUSH)) {
      this.#pending.delete(known)
      known.writtenMs = nowMs
      await this.#write(known).catch(this.#options.onFailure)
    }
    // Closed meanwhile: nothing is scheduled any more.
    if (this.#timer === undefined) return
    this.#timer = undefined
    if (this.#pending.size > 0) this.#schedule(FLUSH_MS)
  }

  async #write(known: KnownEvent): Promise<void> {
    const { kube, instance } = this.#options
    if (known.name !== undefined && (await this.#raise(known, known.name))) return
    known.name = `${known.about.metadata.name}.${randomBytes(8).toString('hex')}`
    await kube.create(events, buildEvent(known, known.name, instance))
  }

  /** @returns false when the Event is gone: the API forgets Events after an hour */
  async #raise({ about, count, lastMs }: KnownEvent, name: string): Promise<boolean> {
    const patch = { count, lastTimestamp: timestamp(lastMs) }
    try {
      await this.#options.kube.merge(events, { namespace: namespaceOf(about), name }, patch)
      return true
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return false
      throw error
    }
  }
}

function buildEvent(
  { about, event, count, firstMs, lastMs }: KnownEvent,
  name: string,
  instance: string,
): KubeEvent {
  const { apiVersion, kind, metadata } = about
  const { uid, resourceVersion } = metadata
  return {
    apiVersion: events.apiVersion,
    kind: events.kind,
    metadata: { name, namespace: namespaceOf(about) },
    involvedObject: {
      apiVersion,
      kind,
      name: metadata.name,
      ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    type: event.type,
    reason: event.reason,
    message: event.message.slice(0, EVENT_MESSAGE_CHARACTERS_MAX),
    count,
    firstTimestamp: timestamp(firstMs),
    lastTimestamp: timestamp(lastMs),
    source: { component },
    reportingComponent: component,
    reportingInstance: instance,
  }
}

/** Events about objects without namespace live in `default`, as kubectl expects. */
const namespaceOf = ({ metadata }: KubeObject): string => metadata.namespace ?? 'default'

/** metav1.Time has whole seconds. */
const timestamp = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z')
