/**
 * Keeps a cache equal to the API: list, then watch from there, again and again, for ever.
 *
 *   list ──► watch ──► ended, connection lost ──► watch from the last version
 *     ▲                stalled, refused (410 and others), an hour since the last list ──┐
 *     └─────────────────────────────────────────────────────────────────────────────────┘
 *
 * Watches die quietly (a proxy forgets the connection, a node is cut off), so one that says nothing
 * for STALL_MS is given up; bookmarks arrive about once a minute. The hourly list mends whatever a
 * watch missed.
 */
import { type BackOff, backOffMs } from '../control/back-off.ts'
import { type Clock, sleep } from '../control/clock.ts'
import type { ObjectCache } from './cache.ts'
import { isKubeError, KubeError } from './errors.ts'
import type { KubeObject, ResourceType } from './object.ts'
import { type KubePort, listAll, type Scope, type WatchEvent } from './port.ts'

export const STALL_MS = 90_000
export const WATCH_SECONDS_MIN = 240
export const WATCH_SECONDS_MAX = 360
export const RELIST_MS = 3_600_000
/** Short at most, so that the world is seen soon after an outage. */
export const RECONNECT_BACK_OFF: BackOff = { firstMs: 100, mostMs: 5_000 }
/** A watch that ended well before this had a reason to, and counts as a failure. */
const HEALTHY_WATCH_MS = 1_000

export interface ReflectorOptions<T extends KubeObject> {
  readonly kube: Pick<KubePort, 'list' | 'watch'>
  readonly type: ResourceType<T>
  readonly scope: Scope
  readonly cache: ObjectCache<T>
  readonly clock: Clock
  readonly random: () => number
  readonly observer?: ReflectorObserver
}

/** Hears how the reflector fares: metrics and logs. Must not throw. */
export interface ReflectorObserver {
  listed(type: ResourceType, objects: number): void
  /** `failures`: how many in a row, this one included. */
  broke(type: ResourceType, error: unknown, failures: number): void
}

export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>
  /** Where the next watch starts; undefined: list first. */
  #resourceVersion: string | undefined
  #relistDueMs = 0
  #failures = 0
  #contactMs: number | undefined

  constructor(options: ReflectorOptions<T>) {
    this.#options = options
  }

  get type(): ResourceType<T> {
    return this.#options.type
  }

  get synced(): boolean {
    return this.#options.cache.synced
  }

  /** Milliseconds since the API last said something; undefined before the first time. */
  get silenceMs(): number | undefined {
    if (this.#contactMs === undefined) return undefined
    return this.#options.clock.monotonic() - this.#contactMs
  }

  /** Resolves once the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#list()
        await this.#watch(signal)
      } catch (error) {
        if (!signal.aborted) await this.#recover(error, signal)
      }
    }
  }

  async #list(): Promise<void> {
    const { kube, type, scope, cache, clock, random, observer } = this.#options
    const due = clock.monotonic() >= this.#relistDueMs
    if (this.#resourceVersion !== undefined && !due) return
    const { items, resourceVersion } = await listAll(kube, type, scope)
    this.#resourceVersion = resourceVersion
    this.#relistDueMs = clock.monotonic() + RELIST_MS * (0.75 + random() / 2)
    this.#contactMs = clock.monotonic()
    cache.replace(items)
    observer?.listed(type, items.length)
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { kube, type, scope, clock } = this.#options
    const startMs = clock.monotonic()
    const stall = new StallTimer(clock)
    try {
      const events = kube.watch(type, {
        ...scope,
        resourceVersion: this.#resourceVersion ?? '',
        timeoutSeconds: this.#watchSeconds(),
        signal: AbortSignal.any([signal, stall.signal]),
      })
      for await (const event of events) {
        stall.reset()
        this.#take(event)
      }
    } finally {
      stall.cancel()
    }
    if (signal.aborted) return
    if (stall.signal.aborted) throw new KubeError('Gone', `no event within ${STALL_MS} ms`)
    if (clock.monotonic() - startMs < HEALTHY_WATCH_MS) {
      throw new KubeError('Unavailable', 'the watch ended at once')
    }
    this.#failures = 0
  }

  #take(event: WatchEvent<T>): void {
    const { cache, clock } = this.#options
    this.#contactMs = clock.monotonic()
    this.#failures = 0
    if (event.kind === 'bookmark') {
      this.#resourceVersion = event.resourceVersion
      return
    }
    this.#resourceVersion = event.object.metadata.resourceVersion
    if (event.kind === 'deleted') cache.remove(event.object)
    else cache.put(event.object)
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, random, observer, type } = this.#options
    if (mustListAgain(error)) this.#resourceVersion = undefined
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0
    const backOff = backOffMs(RECONNECT_BACK_OFF, ++this.#failures, random())
    observer?.broke(type, error, this.#failures)
    await sleep(clock, Math.max(backOff, Math.min(asked, RECONNECT_BACK_OFF.mostMs)), signal)
  }

  /** Spread, so that the watches of all kinds do not come back in the same second. */
  #watchSeconds(): number {
    const range = WATCH_SECONDS_MAX - WATCH_SECONDS_MIN
    return WATCH_SECONDS_MIN + Math.floor(this.#options.random() * (range + 1))
  }
}

/**
 * Only when no answer came, or the server is merely busy, the version that we know is still good. An
 * API that was restored from a backup, for one, refuses or ignores versions of its lost future.
 */
const mustListAgain = (error: unknown): boolean =>
  !isKubeError(error, 'Unavailable', 'Timeout', 'TooManyRequests') ||
  (error instanceof KubeError && error.status !== undefined && error.status !== 429)

class StallTimer {
  readonly #clock: Clock
  readonly #abort = new AbortController()
  #cancel: () => void

  constructor(clock: Clock) {
    this.#clock = clock
    this.#cancel = this.#arm()
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  reset(): void {
    this.#cancel()
    this.#cancel = this.#arm()
  }

  cancel(): void {
    this.#cancel()
  }

  #arm(): () => void {
    return this.#clock.after(STALL_MS, () => this.#abort.abort())
  }
}
