/** Columns of built-in kinds, as kubectl prints them. */

import { type Fields, isFields } from '../schema/schema.ts'
import type { KubeObject } from '../store/kube-object.ts'
import { ageOf, humanDuration } from './ages.ts'
import { each, peek, text } from './draft.ts'
import type { Column } from './resource-definition.ts'

type Cell = Column['cell']

const column = (
  name: string,
  cell: Cell,
  priority = 0,
  type: Column['type'] = 'string',
): Column => ({
  name,
  type,
  priority,
  cell,
  ...(name === 'Name' && { format: 'name' }),
})

const NONE = '<none>'
const orNone = (value: unknown): string => text(value) || NONE

export const nameColumn = column('Name', ({ metadata }) => metadata.name)
export const ageColumn = column('Age', ({ metadata }, nowMs) =>
  ageOf(metadata.creationTimestamp, nowMs),
)

const dataCount = (object: KubeObject): number =>
  Object.keys(peek(object, 'data')).length + Object.keys(peek(object, 'binaryData')).length

const data = column('Data', dataCount, 0, 'integer')

const field = (name: string, parent: string, key: string, priority = 0): Column =>
  column(name, (object) => orNone(peek(object, parent)[key]), priority)

function podStatus(pod: KubeObject): string {
  const status = peek(pod, 'status')
  const states = each(status, 'containerStatuses').map((container) => peek(container, 'state'))
  const reasons = states.flatMap((state) => {
    const { reason } = { ...peek(state, 'terminated'), ...peek(state, 'waiting') } as Fields
    return text(reason) === '' ? [] : [text(reason)]
  })
  if (pod.metadata.deletionTimestamp !== undefined)
    return status.reason === 'NodeLost' ? 'Unknown' : 'Terminating'
  return reasons[0] ?? (text(status.reason) || text(status.phase) || 'Unknown')
}

function podReady(pod: KubeObject): string {
  const total = each(peek(pod, 'spec'), 'containers').length
  const ready = each(peek(pod, 'status'), 'containerStatuses').filter((one) => one.ready === true)
  return `${ready.length}/${total}`
}

function podRestarts(pod: KubeObject, nowMs: number): string {
  const statuses = each(peek(pod, 'status'), 'containerStatuses')
  const count = statuses.reduce((sum, { restartCount }) => sum + Number(restartCount ?? 0), 0)
  const ends = statuses
    .map((status) => Date.parse(text(peek(peek(status, 'lastState'), 'terminated').finishedAt)))
    .filter((time) => !Number.isNaN(time))
  return count > 0 && ends.length > 0
    ? `${count} (${humanDuration(nowMs - Math.max(...ends))} ago)`
    : String(count)
}

const nodeStatus = (node: KubeObject): string => {
  const ready = each(peek(node, 'status'), 'conditions').find(({ type }) => type === 'Ready')
  const word = ready?.status === 'True' ? 'Ready' : ready === undefined ? 'Unknown' : 'NotReady'
  return peek(node, 'spec').unschedulable === true ? `${word},SchedulingDisabled` : word
}

function nodeRoles({ metadata: { labels = {} } }: KubeObject): string {
  const prefix = 'node-role.kubernetes.io/'
  const roles = Object.keys(labels).filter((key) => key.startsWith(prefix))
  return roles.map((key) => key.slice(prefix.length)).join(',') || NONE
}

const nodeAddress = (node: KubeObject): string =>
  orNone(each(peek(node, 'status'), 'addresses').find(({ type }) => type === 'InternalIP')?.address)

function servicePorts(service: KubeObject): string {
  const ports = each(peek(service, 'spec'), 'ports').map(({ port, nodePort, protocol }) =>
    nodePort === undefined ? `${port}/${protocol}` : `${port}:${nodePort}/${protocol}`,
  )
  return ports.join(',') || NONE
}

function externalAddress(service: KubeObject): string {
  const spec = peek(service, 'spec')
  if (spec.type === 'ExternalName') return orNone(spec.externalName)
  if (spec.type !== 'LoadBalancer') return NONE
  const ingress = each(peek(peek(service, 'status'), 'loadBalancer'), 'ingress')
  return ingress.map((one) => text(one.ip) || text(one.hostname)).join(',') || '<pending>'
}

const selector = (service: KubeObject): string =>
  Object.entries(peek(peek(service, 'spec'), 'selector'))
    .map(([key, value]) => `${key}=${text(value)}`)
    .join(',') || NONE

const storage = (parent: unknown): string => orNone(peek(parent, 'capacity').storage)

const modes = (parent: unknown): string => {
  const accessModes = isFields(parent) ? parent.accessModes : undefined
  return Array.isArray(accessModes)
    ? accessModes.map((mode) => text(mode).replace(/[a-z]/g, '')).join(',')
    : ''
}

function eventSource(event: KubeObject): string {
  const { component, host } = peek(event, 'source')
  return [text(component) || text(event.reportingComponent), text(host)]
    .filter((part) => part !== '')
    .join(', ')
}

function involved(event: KubeObject): string {
  const { kind, name } = peek(event, 'involvedObject')
  return `${text(kind).toLowerCase()}/${text(name)}`
}

const lastSeen = (event: KubeObject, nowMs: number): string =>
  ageOf(event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp, nowMs)

const endpointAddresses = (slice: KubeObject): string =>
  each(slice, 'endpoints')
    .flatMap(({ addresses }) => (Array.isArray(addresses) ? addresses : []))
    .join(',') || '<unset>'

const slicePorts = (slice: KubeObject): string =>
  each(slice, 'ports')
    .map(({ port }) => String(port))
    .join(',') || '<unset>'

export const columns: Readonly<Record<string, readonly Column[]>> = {
  ConfigMap: [nameColumn, data, ageColumn],
  CustomResourceDefinition: [
    nameColumn,
    column('Created At', ({ metadata }) => metadata.creationTimestamp),
  ],
  EndpointSlice: [
    nameColumn,
    column('AddressType', (slice) => orNone(slice.addressType)),
    column('Ports', slicePorts),
    column('Endpoints', endpointAddresses),
    ageColumn,
  ],
  Event: [
    column('Last Seen', lastSeen),
    column('Type', (event) => text(event.type)),
    column('Reason', (event) => text(event.reason)),
    column('Object', involved),
    column('Subobject', (event) => text(peek(event, 'involvedObject').fieldPath), 1),
    column('Source', eventSource, 1),
    column('Message', (event) => text(event.message).trim()),
    column('First Seen', (event, nowMs) => ageOf(event.firstTimestamp, nowMs), 1),
    column('Count', (event) => Number(event.count ?? 1), 1, 'integer'),
    { ...nameColumn, priority: 1 },
  ],
  Lease: [nameColumn, field('Holder', 'spec', 'holderIdentity'), ageColumn],
  Namespace: [nameColumn, field('Status', 'status', 'phase'), ageColumn],
  Node: [
    nameColumn,
    column('Status', nodeStatus),
    column('Roles', nodeRoles),
    ageColumn,
    column('Version', (node) => text(peek(peek(node, 'status'), 'nodeInfo').kubeletVersion)),
    column('Internal-IP', nodeAddress, 1),
  ],
  PersistentVolume: [
    nameColumn,
    column('Capacity', (volume) => storage(volume.spec)),
    column('Access Modes', (volume) => modes(volume.spec)),
    field('Reclaim Policy', 'spec', 'persistentVolumeReclaimPolicy'),
    field('Status', 'status', 'phase'),
    column('Claim', (volume) => {
      const { namespace, name } = peek(peek(volume, 'spec'), 'claimRef')
      return name === undefined ? '' : `${text(namespace)}/${text(name)}`
    }),
    field('StorageClass', 'spec', 'storageClassName'),
    ageColumn,
  ],
  PersistentVolumeClaim: [
    nameColumn,
    field('Status', 'status', 'phase'),
    column('Volume', (claim) => text(peek(claim, 'spec').volumeName)),
    column('Capacity', (claim) => text(peek(peek(claim, 'status'), 'capacity').storage)),
    column('Access Modes', (claim) => modes(claim.status)),
    column('StorageClass', (claim) => text(peek(claim, 'spec').storageClassName)),
    ageColumn,
    field('VolumeMode', 'spec', 'volumeMode', 1),
  ],
  Pod: [
    nameColumn,
    column('Ready', podReady),
    column('Status', podStatus),
    column('Restarts', podRestarts),
    ageColumn,
    field('IP', 'status', 'podIP', 1),
    field('Node', 'spec', 'nodeName', 1),
  ],
  Secret: [nameColumn, column('Type', (secret) => text(secret.type)), data, ageColumn],
  Service: [
    nameColumn,
    field('Type', 'spec', 'type'),
    field('Cluster-IP', 'spec', 'clusterIP'),
    column('External-IP', externalAddress),
    column('Port(s)', servicePorts),
    ageColumn,
    column('Selector', selector, 1),
  ],
  ServiceAccount: [nameColumn, ageColumn],
  StorageClass: [
    nameColumn,
    column('Provisioner', (storageClass) => text(storageClass.provisioner)),
    column('ReclaimPolicy', (storageClass) => text(storageClass.reclaimPolicy)),
    column('VolumeBindingMode', (storageClass) => text(storageClass.volumeBindingMode)),
    ageColumn,
  ],
}
