/**
 * How reconcilers plug into the program: which kinds are watched, which controllers run, and what
 * else lives only while this process leads. `reconcilers/parts.ts` is the one list of them.
 */
import type { Logger } from 'pino'
import type { Configuration } from './configuration.ts'
import type { Clock } from './control/clock.ts'
import type { Outcome } from './control/outcome.ts'
import type { CacheView } from './kube/cache.ts'
import type { EventRecorder } from './kube/events.ts'
import type { Key, KubeObject, ResourceType, Stored } from './kube/object.ts'
import type { KubePort } from './kube/port.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** A kind to keep a cache of. Each kind is watched once. */
export interface WatchedKind<T extends KubeObject = KubeObject> {
  readonly type: ResourceType<T>
  /** `operator`: only the operator's namespace. Kinds without namespace say `all`. */
  readonly namespaces: 'operator' | 'all'
  readonly labelSelector?: string
  /** Labels by which CacheView.withLabel can look up. */
  readonly indexedLabels?: readonly string[]
}

/** Which keys of a controller a changed (added, modified or deleted) object concerns. */
export interface Trigger<T extends KubeObject = KubeObject> {
  readonly type: ResourceType<T>
  readonly keysOf: (object: Stored<T>) => readonly Key[]
}

/** Keeps the type of keysOf bound to the kind while triggers of several kinds share a list. */
export const trigger = <T extends KubeObject>(
  type: ResourceType<T>,
  keysOf: (object: Stored<T>) => readonly Key[],
): Trigger => ({ type, keysOf: keysOf as Trigger['keysOf'] })

export interface ControllerPart {
  /** Appears in metrics, logs and /health/detailed. */
  readonly name: string
  /** How many keys are reconciled at the same time. */
  readonly workers: number
  readonly triggers: readonly Trigger[]
  readonly reconcile: (key: Key) => Promise<Outcome>
}

/** Something that lives while this process leads, for example connections to members. */
export interface Duty {
  readonly name: string
  start(): void
  /** Resolves when nothing of it is left running. start() may follow again. */
  stop(): Promise<void>
}

export interface OperatorParts {
  readonly controllers: readonly ControllerPart[]
  readonly duties: readonly Duty[]
}

/** Everything of the outside world that reconcilers may use. */
export interface Ports {
  /** Writes reject with NotLeader as soon as this process no longer leads. */
  readonly kube: KubePort
  readonly caches: Caches
  readonly recorder: EventRecorder
  readonly clock: Clock
  /** In [0, 1), as Math.random. */
  readonly random: () => number
  /** Whether this process leads at this very instant (AUTHORITY 11). */
  readonly isLeading: () => boolean
  /** Puts a key on the queue of a controller, for news that come from elsewhere than the API. */
  readonly enqueue: (controller: string, key: Key) => void
  readonly log: Logger
  readonly metrics: Metrics
  readonly configuration: Configuration
}

export interface Caches {
  /** The cache of a watched kind; a kind that is not watched is a bug. */
  of<T extends KubeObject>(type: ResourceType<T>): CacheView<T>
}
