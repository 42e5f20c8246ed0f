/**
 * The operator put together: caches that are always kept, and controllers and duties that run only
 * while this process leads.
 *
 *   election ── elected ──► duties start; each controller starts once its caches are filled
 *            └─ deposed ──► duties stop; controllers end what they are at
 */
import assert from 'node:assert/strict'
import { Controller } from './control/controller.ts'
import { ObjectCache } from './kube/cache.ts'
import { KubeEventRecorder } from './kube/events.ts'
import { fenceWrites } from './kube/fenced-port.ts'
import { LeaderElection } from './kube/leader-election.ts'
import type { KubeObject, ResourceType, Stored } from './kube/object.ts'
import { LEASE_NAME } from './kube/permissions.ts'
import type { KubePort } from './kube/port.ts'
import { Reflector } from './kube/reflector.ts'
import type { Caches, ControllerPart, Duty, OperatorParts, Ports, WatchedKind } from './parts.ts'
import type { HealthFacts } from './telemetry/health.ts'
import type { Metrics } from './telemetry/metrics.ts'
import { observeLeadership, observeReconciles, observeReflectors } from './telemetry/observers.ts'

export interface OperatorOptions extends Pick<Ports, 'clock' | 'random' | 'log' | 'configuration'> {
  readonly kube: KubePort
  /** With connections and a short deadline of its own; see LeaderElection. */
  readonly leaseKube: Pick<KubePort, 'get' | 'create' | 'replace'>
  /** Unique to this process. */
  readonly identity: string
  readonly metrics: Metrics
  readonly watchedKinds: readonly WatchedKind[]
  readonly createParts: (ports: Ports) => OperatorParts
}

interface Kind {
  readonly cache: ObjectCache<KubeObject>
  readonly reflector: Reflector<KubeObject>
}

export class Operator {
  readonly #options: OperatorOptions
  readonly #election: LeaderElection
  readonly #recorder: KubeEventRecorder
  readonly #kinds: ReadonlyMap<string, Kind>
  readonly #controllers: readonly (readonly [Controller, ControllerPart])[]
  readonly #duties: readonly Duty[]
  readonly #stopping = new AbortController()
  /** Starts and stops of duties, one after the other. */
  #dutyChanges: Promise<void> = Promise.resolve()
  #running: Promise<unknown> = Promise.resolve()
  #quitting = false

  constructor(options: OperatorOptions) {
    this.#options = options
    this.#election = this.#createElection()
    const kube = fenceWrites(options.kube, () => this.#election.isLeading())
    this.#recorder = this.#createRecorder(kube)
    this.#kinds = new Map(options.watchedKinds.map((kind) => [kind.type.plural, this.#watch(kind)]))
    assert.equal(this.#kinds.size, options.watchedKinds.length, 'each kind is watched once')
    const parts = options.createParts(this.#createPorts(kube))
    this.#controllers = parts.controllers.map((part) => [this.#createController(part), part])
    this.#duties = parts.duties
  }

  /** Begins to fill the caches and takes part in the election. Returns at once. */
  start(): void {
    const { signal } = this.#stopping
    this.#running = Promise.all([
      this.#election.run(signal),
      ...[...this.#kinds.values()].map(({ reflector }) => reflector.run(signal)),
    ])
  }

  /**
   * Stops in the order that a successor needs: no new work, what is under way ends, then the Lease
   * is given back. No grants are outstanding, so the Lease need not be held any longer than that.
   */
  async stop(): Promise<void> {
    this.#quitting = true
    await this.#stopWork()
    this.#recorder.close()
    this.#stopping.abort()
    await this.#running
    await this.#election.release()
  }

  facts(): HealthFacts {
    return {
      leading: this.#election.isLeading(),
      electionIdleMs: Math.round(this.#election.idleMs),
      caches: [...this.#kinds].map(([resource, { cache, reflector }]) => ({
        resource,
        synced: cache.synced,
        objects: cache.size,
        ...(reflector.silenceMs !== undefined && { silenceMs: Math.round(reflector.silenceMs) }),
      })),
      controllers: this.#controllers.map(([{ name, running, queue }]) => ({
        name,
        running,
        ready: queue.depth,
        active: queue.active,
        delayed: queue.delayed,
      })),
    }
  }

  #createElection(): LeaderElection {
    const { clock, configuration, identity, leaseKube, log, metrics } = this.#options
    return new LeaderElection({
      kube: leaseKube,
      clock,
      identity,
      lease: { namespace: configuration.namespace, name: LEASE_NAME },
      observer: observeLeadership(metrics, log, {
        elected: () => this.#lead(),
        deposed: () => void this.#stopWork(),
      }),
    })
  }

  #createRecorder(kube: KubePort): KubeEventRecorder {
    const { clock, configuration, log, metrics } = this.#options
    const onFailure = (error: unknown) => {
      metrics.eventFailures.inc()
      log.debug({ err: error }, 'an Event was lost')
    }
    return new KubeEventRecorder({ kube, clock, instance: configuration.podName, onFailure })
  }

  #createPorts(kube: KubePort): Ports {
    const { clock, configuration, log, metrics, random } = this.#options
    const recorder = this.#recorder
    return {
      kube,
      caches: this.#caches(),
      recorder,
      clock,
      random,
      log,
      metrics,
      configuration,
      isLeading: () => this.#election.isLeading(),
      enqueue: (controller, key) => this.#controller(controller).add(key),
    }
  }

  #caches(): Caches {
    return {
      of: <T extends KubeObject>(type: ResourceType<T>) =>
        this.#kind(type).cache as unknown as ObjectCache<T>,
    }
  }

  #watch({ type, namespaces, labelSelector, indexedLabels }: WatchedKind): Kind {
    const { kube, clock, configuration, log, metrics, random } = this.#options
    const cache = new ObjectCache<KubeObject>(indexedLabels)
    const observer = observeReflectors(metrics, log)
    const scope = {
      ...(namespaces === 'operator' && { namespace: configuration.namespace }),
      ...(labelSelector !== undefined && { labelSelector }),
    }
    const listed = (listedType: ResourceType, objects: number) => {
      observer.listed(listedType, objects)
      this.#startControllers()
    }
    const reflector = new Reflector<KubeObject>({
      kube,
      type,
      scope,
      cache,
      clock,
      random,
      observer: { ...observer, listed },
    })
    return { cache, reflector }
  }

  #createController(part: ControllerPart): Controller {
    const { clock, log, metrics, random } = this.#options
    const observer = observeReconciles(metrics, log)
    const controller = new Controller({ ...part, clock, random, observer })
    for (const { type, keysOf } of part.triggers) {
      this.#kind(type).cache.onChange((object, previous) => {
        for (const key of keysOf(object)) controller.add(key)
        for (const key of previous === undefined ? [] : keysOf(previous)) controller.add(key)
      })
    }
    return controller
  }

  #lead(): void {
    if (this.#quitting) return
    this.#changeDuties((duty) => duty.start())
    this.#startControllers()
  }

  async #stopWork(): Promise<void> {
    this.#changeDuties((duty) => duty.stop())
    await Promise.all([
      this.#dutyChanges,
      ...this.#controllers.map(([controller]) => controller.stop()),
    ])
  }

  /** Starts those whose caches are filled, with every key that the caches know. */
  #startControllers(): void {
    if (this.#quitting || !this.#election.isLeading()) return
    for (const [controller, { triggers }] of this.#controllers) {
      const filled = triggers.every(({ type }) => this.#kind(type).cache.synced)
      if (controller.running || !filled) continue
      controller.start()
      for (const { type, keysOf } of triggers) {
        const keys = this.#kind(type)
          .cache.list()
          .flatMap((object: Stored<KubeObject>) => keysOf(object))
        for (const key of keys) controller.add(key)
      }
    }
  }

  #changeDuties(change: (duty: Duty) => void | Promise<void>): void {
    const { log } = this.#options
    for (const duty of this.#duties) {
      this.#dutyChanges = this.#dutyChanges
        .then(() => change(duty))
        .catch((error: unknown) => log.error({ err: error, duty: duty.name }, 'a duty broke'))
    }
  }

  #kind({ plural }: ResourceType): Kind {
    const kind = this.#kinds.get(plural)
    assert(kind !== undefined, `${plural} is not watched: add it to watchedKinds`)
    return kind
  }

  #controller(name: string): Controller {
    const found = this.#controllers.find(([controller]) => controller.name === name)
    assert(found !== undefined, `no controller is named ${name}`)
    return found[0]
  }
}
