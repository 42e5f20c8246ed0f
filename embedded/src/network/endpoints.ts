/** Which addresses stand behind the ports of a Service. Pure. */
import type { EndpointSlice, Pod, Service, ServicePort } from '../kinds.ts'

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Ready endpoints of one Service port, in a stable order, from the slices of that Service. */
export function resolveEndpoints(
  slices: readonly EndpointSlice[],
  port: Pick<ServicePort, 'name'>,
): readonly Endpoint[] {
  const found = slices.flatMap((slice) => {
    const target = slice.ports?.find(({ name }) => (name ?? '') === (port.name ?? ''))?.port
    if (target === undefined) return []
    const ready = (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false)
    return ready.flatMap(({ addresses }) => addresses.map((host) => ({ host, port: target })))
  })
  return found.sort((a, b) => compare(a.host, b.host) || a.port - b.port)
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

export const serviceNameLabel = 'kubernetes.io/service-name'
export const sliceManagedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const sliceController = 'endpointslice-controller.k8s.io'

export function isSelected(selector: Readonly<Record<string, string>>, pod: Pod): boolean {
  return Object.entries(selector).every(([key, value]) => pod.metadata.labels?.[key] === value)
}

/** The EndpointSlice of a Service with a selector, as Kubernetes' own controller makes it. */
export function buildEndpointSlice(
  service: Service,
  selector: Readonly<Record<string, string>>,
  pods: readonly Pod[],
) {
  const { name, namespace, uid, labels } = service.metadata
  const owner = { apiVersion: 'v1', kind: 'Service', name, uid }
  const members = pods
    .filter((pod) => pod.metadata.namespace === namespace && isSelected(selector, pod))
    .filter(({ status }) => status.phase !== 'Succeeded' && status.phase !== 'Failed')
    .filter(({ status }) => status.podIP !== undefined)
    .sort((a, b) => compare(a.metadata.name, b.metadata.name))
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-selected`,
      namespace,
      labels: {
        ...labels,
        [serviceNameLabel]: name,
        [sliceManagedByLabel]: sliceController,
      },
      ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
    },
    addressType: 'IPv4',
    endpoints: members.map((pod) => buildEndpoint(service, pod)),
    ports: service.spec.ports.map((port) => ({
      name: port.name ?? '',
      protocol: port.protocol,
      port: targetPort(port, members),
    })),
  }
}

function buildEndpoint(service: Service, pod: Pod) {
  const isTerminating = pod.metadata.deletionTimestamp !== undefined
  const isServing = pod.status.conditions?.some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  )
  const isReady =
    service.spec.publishNotReadyAddresses === true || (isServing === true && !isTerminating)
  const { name, namespace, uid } = pod.metadata
  return {
    addresses: [pod.status.podIP],
    conditions: { ready: isReady, serving: isServing === true, terminating: isTerminating },
    nodeName: pod.spec.nodeName,
    targetRef: { kind: 'Pod', name, namespace, uid },
  }
}

/** A named target port is looked up in the pods; the first that has it decides. */
function targetPort(port: ServicePort, pods: readonly Pod[]): number {
  const target = port.targetPort ?? port.port
  if (typeof target === 'number') return target
  const ports = pods.flatMap(({ spec }) => spec.containers.flatMap((container) => container.ports))
  return ports.find(({ name }) => name === target)?.containerPort ?? port.port
}
