/**
 * Binds pending pods to nodes. Where a pod mounts claims, the node is written on them first, so
 * that the volume binder makes the volume there and later pods of the claim follow it.
 */
import { type Clock, timestamp } from '../clock.ts'
import { EventRecorder } from '../event-recorder.ts'
import {
  type Claim,
  type ClusterNode,
  claimSchema,
  nodeSchema,
  type Pod,
  podSchema,
} from '../kinds.ts'
import { Mirror } from '../mirror.ts'
import { PendingKeys } from '../pending-keys.ts'
import type { ApiStore } from '../store/api-store.ts'
import { resources } from '../store/resources.ts'
import { chooseNode, selectedNodeAnnotation } from './choice.ts'

export interface SchedulerOptions {
  readonly store: ApiStore
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

const writer = { fieldManager: 'scheduler' }

export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #pods: Mirror<Pod>
  readonly #nodes: Mirror<ClusterNode>
  readonly #claims: Mirror<Claim>
  readonly #pending: PendingKeys
  readonly #events: EventRecorder

  constructor(options: SchedulerOptions) {
    const { store, clock, onError } = options
    this.#options = options
    this.#events = new EventRecorder(store, 'scheduler', clock)
    this.#pending = new PendingKeys((key) => this.#schedule(key), onError)
    this.#pods = new Mirror({
      store,
      resource: resources.pods,
      schema: podSchema,
      onChange: (pod, key) => this.#podChanged(pod, key),
    })
    this.#nodes = new Mirror({
      store,
      resource: resources.nodes,
      schema: nodeSchema,
      onChange: () => this.#retryAll(),
    })
    this.#claims = new Mirror({
      store,
      resource: resources.persistentVolumeClaims,
      schema: claimSchema,
      onChange: () => this.#retryAll(),
    })
  }

  start(): void {
    for (const mirror of [this.#nodes, this.#claims, this.#pods]) mirror.start()
  }

  stop(): void {
    for (const mirror of [this.#nodes, this.#claims, this.#pods]) mirror.stop()
  }

  #podChanged(pod: Pod | undefined, key: string): void {
    if (pod === undefined) this.#retryAll()
    else if (isPending(pod)) this.#pending.add(key)
  }

  #retryAll(): void {
    for (const pod of this.#pods.list()) {
      if (isPending(pod)) this.#pending.add(`${pod.metadata.namespace}/${pod.metadata.name}`)
    }
  }

  #schedule(key: string): void {
    const [namespace = '', name = ''] = key.split('/')
    const stored = this.#options.store.find(resources.pods, { namespace, name })
    const pod = stored && podSchema.parse(stored)
    if (pod === undefined || !isPending(pod)) return
    const choice = chooseNode(pod, {
      nodes: this.#nodes.list(),
      pods: this.#boundPods(),
      claims: this.#claimsOf(pod),
    })
    if (choice.kind === 'none') this.#refuse(pod, choice.message)
    else this.#bind(pod, choice.node.metadata.name)
  }

  // From the store, not from the mirror: pods that were bound a moment ago must count.
  #boundPods(): readonly Pod[] {
    const { items } = this.#options.store.list(resources.pods)
    return items
      .flatMap((item) => podSchema.safeParse(item).data ?? [])
      .filter(({ spec, status }) => spec.nodeName !== undefined && !isOver(status.phase))
  }

  #claimsOf(pod: Pod) {
    const names = pod.spec.volumes.flatMap(
      ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
    )
    const { namespace } = pod.metadata
    return names.map((name) => {
      const stored = this.#options.store.find(resources.persistentVolumeClaims, { namespace, name })
      return { name, claim: stored && claimSchema.parse(stored) }
    })
  }

  #bind(pod: Pod, node: string): void {
    const { store } = this.#options
    const { namespace, name } = pod.metadata
    for (const { claim } of this.#claimsOf(pod)) {
      if (claim?.metadata.annotations?.[selectedNodeAnnotation] !== undefined) continue
      const key = { namespace, name: claim?.metadata.name ?? '' }
      const body = { metadata: { annotations: { [selectedNodeAnnotation]: node } } }
      store.patch(resources.persistentVolumeClaims, key, { kind: 'merge', body }, writer)
    }
    const target = { apiVersion: 'v1', kind: 'Node', name: node }
    const binding = { metadata: { namespace, name }, target }
    store.create(resources.pods, binding, { ...writer, subresource: 'binding' })
    const message = `Successfully assigned ${namespace}/${name} to ${node}`
    this.#events.record(subjectOf(pod), { type: 'Normal', reason: 'Scheduled', message })
  }

  #refuse(pod: Pod, message: string): void {
    const { namespace, name } = pod.metadata
    const others = (pod.status.conditions ?? []).filter(({ type }) => type !== 'PodScheduled')
    const old = pod.status.conditions?.find(({ type }) => type === 'PodScheduled')
    if (old?.status === 'False' && old.message === message) return
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime:
        old?.status === 'False' ? old.lastTransitionTime : timestamp(this.#options.clock.now()),
    }
    const body = { status: { phase: 'Pending', conditions: [...others, condition] } }
    const options = { ...writer, subresource: 'status' } as const
    this.#options.store.patch(resources.pods, { namespace, name }, { kind: 'merge', body }, options)
    this.#events.record(subjectOf(pod), { type: 'Warning', reason: 'FailedScheduling', message })
  }
}

const isOver = (phase: string | undefined): boolean => phase === 'Succeeded' || phase === 'Failed'

const isPending = ({ metadata, spec, status }: Pod): boolean =>
  spec.nodeName === undefined && metadata.deletionTimestamp === undefined && !isOver(status.phase)

const subjectOf = ({ metadata }: Pod) => ({ apiVersion: 'v1', kind: 'Pod', metadata })
