/**
 * Makes Services reachable, as kube-proxy and a load balancer do: each port of a Service listens on
 * the Service's own loopback address, and for NodePort and LoadBalancer also on 127.0.0.1 at its
 * node port. A port that somebody else holds is reported on the Service and tried again.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Clock, timestamp } from '../clock.ts'
import { EventRecorder } from '../event-recorder.ts'
import {
  type EndpointSlice,
  endpointSliceSchema,
  type PodCondition,
  type Service,
  type ServicePort,
  serviceSchema,
} from '../kinds.ts'
import { keyOfName, Mirror } from '../mirror.ts'
import { PendingKeys } from '../pending-keys.ts'
import type { ApiStore } from '../store/api-store.ts'
import { resources } from '../store/resources.ts'
import { resolveEndpoints, serviceNameLabel } from './endpoints.ts'
import { Forwarder } from './forwarder.ts'

export const NODE_ADDRESS = '127.0.0.1'
/** How soon a port that could not be had is tried again. */
const LISTEN_RETRY_MS = 2000
/** The condition type that Kubernetes reserves for this. */
export const PORTS_ERROR = 'LoadBalancerPortsError'

export interface ServiceProxyOptions {
  readonly store: ApiStore
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

interface Listener {
  readonly host: string
  readonly port: number
  readonly servicePort: ServicePort
  forwarder: Forwarder | undefined
  problem: string | undefined
  isClosed: boolean
}

export class ServiceProxy {
  readonly #options: ServiceProxyOptions
  readonly #services: Mirror<Service>
  readonly #slices: Mirror<EndpointSlice>
  readonly #listeners = new Map<string, Map<string, Listener>>()
  readonly #retired = new Set<Forwarder>()
  readonly #pending: PendingKeys
  readonly #events: EventRecorder
  readonly #timers = new Set<() => void>()
  #isStopped = false

  constructor(options: ServiceProxyOptions) {
    const { store, clock, onError } = options
    this.#options = options
    this.#pending = new PendingKeys((key) => this.#reconcile(key), onError)
    this.#events = new EventRecorder(store, 'service-proxy', clock)
    this.#services = new Mirror({
      store,
      resource: resources.services,
      schema: serviceSchema,
      onChange: (_, key) => this.#pending.add(key),
    })
    this.#slices = new Mirror({
      store,
      resource: resources.endpointSlices,
      schema: endpointSliceSchema,
      onChange: (slice, _, previous) => this.#sliceChanged([slice, previous]),
    })
  }

  start(): void {
    this.#slices.start()
    this.#services.start()
  }

  stop(): void {
    this.#isStopped = true
    this.#services.stop()
    this.#slices.stop()
    for (const cancel of this.#timers) cancel()
    const open = [...this.#listeners.values()].flatMap((listeners) => [...listeners.values()])
    for (const listener of open) {
      listener.isClosed = true
      listener.forwarder?.close()
    }
    for (const forwarder of this.#retired) forwarder.close()
  }

  #sliceChanged(states: readonly (EndpointSlice | undefined)[]): void {
    for (const slice of states) {
      const name = slice?.metadata.labels?.[serviceNameLabel]
      if (slice === undefined || name === undefined) continue
      const key = keyOfName(slice.metadata.namespace, name)
      // At once, not with the queue: the next connection must already go there.
      this.#pointListeners(key)
      this.#pending.add(key)
    }
  }

  #reconcile(key: string): void {
    if (this.#isStopped) return
    const service = this.#find(key)
    const wanted = new Map(
      (service === undefined ? [] : wantedListeners(service)).map((one) => [addressOf(one), one]),
    )
    const present = this.#listeners.get(key) ?? new Map<string, Listener>()
    for (const [address, listener] of present) {
      if (isDeepStrictEqual(wanted.get(address)?.servicePort, listener.servicePort)) continue
      this.#close(listener)
      present.delete(address)
    }
    for (const [address, one] of wanted) {
      if (!present.has(address)) present.set(address, this.#open(key, one))
    }
    if (present.size === 0) this.#listeners.delete(key)
    else this.#listeners.set(key, present)
    this.#pointListeners(key)
    if (service !== undefined) this.#writeStatus(service, [...present.values()])
  }

  #open(key: string, wanted: WantedListener): Listener {
    const listener: Listener = {
      ...wanted,
      forwarder: undefined,
      problem: undefined,
      isClosed: false,
    }
    void this.#listen(key, listener)
    return listener
  }

  async #listen(key: string, listener: Listener): Promise<void> {
    if (listener.isClosed) return
    try {
      const forwarder = await Forwarder.listen(listener)
      if (listener.isClosed) forwarder.close()
      listener.forwarder = forwarder
      listener.problem = undefined
    } catch (error) {
      this.#listenFailed(key, listener, error)
    }
    if (!listener.isClosed) this.#pending.add(key)
  }

  #listenFailed(key: string, listener: Listener, error: unknown): void {
    const service = this.#find(key)
    if (listener.isClosed || service === undefined) return
    const isNews = listener.problem === undefined
    listener.problem = describeProblem(listener, error)
    this.#later(LISTEN_RETRY_MS, () => void this.#listen(key, listener))
    if (!isNews) return
    const subject = { apiVersion: 'v1', kind: 'Service', metadata: service.metadata }
    const message = listener.problem
    this.#events.record(subject, { type: 'Warning', reason: 'PortUnavailable', message })
  }

  #later(delayMs: number, run: () => void): void {
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#timers.delete(cancel)
      run()
    })
    this.#timers.add(cancel)
  }

  #close(listener: Listener): void {
    listener.isClosed = true
    const { forwarder } = listener
    if (forwarder === undefined) return
    forwarder.stopListening()
    for (const retired of this.#retired) {
      if (retired.connectionCount === 0) this.#retired.delete(retired)
    }
    if (forwarder.connectionCount > 0) this.#retired.add(forwarder)
  }

  #pointListeners(key: string): void {
    const listeners = this.#listeners.get(key)
    if (listeners === undefined) return
    const [namespace, name] = key.split('/')
    const slices = this.#slices
      .list()
      .filter(
        ({ metadata }) =>
          metadata.namespace === namespace && metadata.labels?.[serviceNameLabel] === name,
      )
    for (const { forwarder, servicePort } of listeners.values()) {
      forwarder?.setEndpoints(resolveEndpoints(slices, servicePort))
    }
  }

  #writeStatus(service: Service, listeners: readonly Listener[]): void {
    const { store, clock } = this.#options
    const { namespace, name } = service.metadata
    const current = store.find(resources.services, { namespace, name })
    if (current === undefined) return
    const parsed = serviceSchema.parse(current)
    const status = plain(serviceStatus(parsed, listeners, clock.now()))
    if (isDeepStrictEqual(current.status ?? {}, status)) return
    const options = { subresource: 'status', fieldManager: 'service-proxy' } as const
    store.update(resources.services, { ...current, status }, options)
  }

  #find(key: string): Service | undefined {
    const [namespace, name = ''] = key.split('/')
    return this.#services.get(namespace, name)
  }
}

type WantedListener = Pick<Listener, 'host' | 'port' | 'servicePort'>

const addressOf = ({ host, port }: WantedListener): string => `${host}:${port}`

/** Where a Service listens. Headless Services and those that only name another host: nowhere. */
export function wantedListeners({ spec }: Service): readonly WantedListener[] {
  if (spec.type === 'ExternalName') return []
  const ports = spec.ports.filter(({ protocol }) => protocol === 'TCP')
  const { clusterIP } = spec
  const hasAddress = clusterIP !== undefined && clusterIP !== '' && clusterIP !== 'None'
  return ports.flatMap((servicePort) => [
    ...(hasAddress ? [{ host: clusterIP, port: servicePort.port, servicePort }] : []),
    ...(spec.type === 'ClusterIP' || servicePort.nodePort === undefined
      ? []
      : [{ host: NODE_ADDRESS, port: servicePort.nodePort, servicePort }]),
  ])
}

/** The address is published once every outer port listens. */
export function serviceStatus(
  { spec, status }: Service,
  listeners: readonly Pick<Listener, 'host' | 'port' | 'forwarder' | 'problem'>[],
  now: number,
): Service['status'] {
  const outer = listeners.filter(({ host }) => host === NODE_ADDRESS)
  const problems = listeners.flatMap(({ problem }) => problem ?? [])
  const isPublished =
    spec.type === 'LoadBalancer' &&
    outer.length > 0 &&
    outer.every(({ forwarder }) => forwarder !== undefined)
  const ports = outer.map(({ port }) => ({ port, protocol: 'TCP' }))
  return {
    ...status,
    loadBalancer: isPublished ? { ingress: [{ ip: NODE_ADDRESS, ports }] } : {},
    ...withCondition(status.conditions ?? [], problems, now),
  }
}

/** The condition appears with the first problem, and stays, as False, when it is solved. */
function withCondition(
  before: readonly PodCondition[],
  problems: readonly string[],
  now: number,
): { conditions?: PodCondition[] } {
  const old = before.find(({ type }) => type === PORTS_ERROR)
  if (old === undefined && problems.length === 0) return {}
  const status = problems.length > 0 ? 'True' : 'False'
  const condition = {
    type: PORTS_ERROR,
    status,
    reason: problems.length > 0 ? 'PortUnavailable' : 'Listening',
    message: problems.join('; '),
    lastTransitionTime: old?.status === status ? old.lastTransitionTime : timestamp(now),
  } as const
  return { conditions: [...before.filter(({ type }) => type !== PORTS_ERROR), condition] }
}

function describeProblem({ host, port }: Listener, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  const why =
    code === 'EADDRINUSE'
      ? 'another program holds it: stop that program, or choose other ports with MINIREDIS_PORT_BASE'
      : code === 'EACCES'
        ? 'ports below 1024 need more rights than this process has'
        : code
  return `port ${port} on ${host} is not available: ${why}`
}

const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value))
