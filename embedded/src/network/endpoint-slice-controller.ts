/** Makes the EndpointSlice of every Service that has a selector. */
import { isDeepStrictEqual } from 'node:util'
import { type Pod, podSchema, type Service, serviceSchema } from '../kinds.ts'
import { keyOfName, Mirror } from '../mirror.ts'
import { PendingKeys } from '../pending-keys.ts'
import type { ApiStore } from '../store/api-store.ts'
import type { KubeObject } from '../store/kube-object.ts'
import { resources } from '../store/resources.ts'
import { buildEndpointSlice, isSelected } from './endpoints.ts'

const writer = { fieldManager: 'endpointslice-controller' }

export interface EndpointSliceControllerOptions {
  readonly store: ApiStore
  readonly onError: (error: unknown) => void
}

export class EndpointSliceController {
  readonly #store: ApiStore
  readonly #services: Mirror<Service>
  readonly #pods: Mirror<Pod>
  readonly #pending: PendingKeys

  constructor({ store, onError }: EndpointSliceControllerOptions) {
    this.#store = store
    this.#pending = new PendingKeys((key) => this.#reconcile(key), onError)
    this.#services = new Mirror({
      store,
      resource: resources.services,
      schema: serviceSchema,
      onChange: (_, key) => this.#pending.add(key),
    })
    this.#pods = new Mirror({
      store,
      resource: resources.pods,
      schema: podSchema,
      onChange: (pod, _, previous) => this.#podChanged([pod, previous]),
    })
  }

  start(): void {
    this.#pods.start()
    this.#services.start()
  }

  stop(): void {
    this.#pods.stop()
    this.#services.stop()
  }

  /** Both the old and the new labels count: a pod may have left a Service. */
  #podChanged(states: readonly (Pod | undefined)[]): void {
    for (const { metadata, spec } of this.#services.list()) {
      const { selector } = spec
      const concerns = states.some(
        (pod) =>
          selector !== undefined &&
          pod?.metadata.namespace === metadata.namespace &&
          isSelected(selector, pod),
      )
      if (concerns) this.#pending.add(keyOfName(metadata.namespace, metadata.name))
    }
  }

  #reconcile(key: string): void {
    const [namespace = '', name = ''] = key.split('/')
    const service = this.#services.get(namespace, name)
    // A Service that is gone takes its slice with it: the slice is owned by it.
    if (service === undefined) return
    const { selector } = service.spec
    const current = this.#store.find(resources.endpointSlices, {
      namespace,
      name: `${name}-selected`,
    })
    if (selector === undefined || service.spec.type === 'ExternalName') {
      if (current !== undefined) this.#delete(current)
      return
    }
    this.#write(buildEndpointSlice(service, selector, this.#pods.list()), current)
  }

  #delete({ metadata: { namespace, name } }: KubeObject): void {
    this.#store.delete(resources.endpointSlices, { namespace, name })
  }

  #write(slice: ReturnType<typeof buildEndpointSlice>, current: KubeObject | undefined): void {
    if (current === undefined) {
      this.#store.create(resources.endpointSlices, slice, writer)
      return
    }
    const parts = ({
      endpoints,
      ports,
      metadata: { labels },
    }: Record<string, unknown> & {
      metadata: { labels?: unknown }
    }) => ({ endpoints, ports, labels })
    if (isDeepStrictEqual(parts(current), parts(plain(slice)))) return
    const metadata = { ...current.metadata, labels: slice.metadata.labels }
    this.#store.update(resources.endpointSlices, { ...current, ...slice, metadata }, writer)
  }
}

/** Without fields that are undefined, as the store keeps it. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value))
