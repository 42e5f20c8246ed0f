/** What the API server adds to and demands of Services beyond their schema. */
import { invalidValue, requiredValue, unsupportedValue } from '../schema/field-error.ts'
import type { Fields } from '../schema/schema.ts'
import type { StatusCause } from '../store/api-error.ts'
import type { KubeObject } from '../store/kube-object.ts'
import { child, each, peek, setDefaults, text } from './draft.ts'
import type { Strategy, StrategyContext } from './resource-definition.ts'

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']

const isHeadless = (spec: Readonly<Fields>): boolean => spec.clusterIP === 'None'
const isExternal = ({ type }: Readonly<Fields>): boolean => type === 'ExternalName'

const wantsNodePorts = ({ type, allocateLoadBalancerNodePorts }: Readonly<Fields>): boolean =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false)

export const serviceStrategy: Strategy = {
  applyDefaults: (draft) => defaultSpec(child(draft, 'spec')),
  prepareCreate(draft) {
    draft.status = { loadBalancer: {} }
  },
  prepareUpdate: keepAddresses,
  validate: (draft, old) => [...validateSpec(peek(draft, 'spec')), ...validateAddress(draft, old)],
  allocate: allocateAddresses,
  release: (object, { addresses }) => addresses?.release(serviceKey(object.metadata)),
}

const serviceKey = (metadata: unknown): { namespace: string; name: string } => {
  const { namespace, name } = metadata as Fields
  return { namespace: text(namespace), name: text(name) }
}

function defaultSpec(spec: Fields): void {
  setDefaults(spec, { type: 'ClusterIP', sessionAffinity: 'None' })
  for (const port of each(spec, 'ports')) {
    setDefaults(port, { protocol: 'TCP', targetPort: port.port })
    if (!wantsNodePorts(spec)) delete port.nodePort
  }
  if (isExternal(spec)) return
  setDefaults(spec, {
    internalTrafficPolicy: 'Cluster',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
  })
  if (spec.type === 'LoadBalancer') setDefaults(spec, { allocateLoadBalancerNodePorts: true })
  else delete spec.allocateLoadBalancerNodePorts
  if (spec.type === 'ClusterIP') delete spec.externalTrafficPolicy
  else setDefaults(spec, { externalTrafficPolicy: 'Cluster' })
}

/** A client that leaves out what was allocated does not lose it. */
function keepAddresses(draft: Fields, old: KubeObject): void {
  const spec = child(draft, 'spec')
  const oldSpec = peek(old, 'spec')
  if (isExternal(spec)) return
  if (!isExternal(oldSpec))
    setDefaults(spec, { clusterIP: oldSpec.clusterIP, clusterIPs: oldSpec.clusterIPs })
  if (!wantsNodePorts(spec)) return
  for (const port of each(spec, 'ports')) {
    const before = each(oldSpec, 'ports').find(
      (one) => one.port === port.port && one.protocol === (port.protocol ?? 'TCP'),
    )
    if (before?.nodePort !== undefined) setDefaults(port, { nodePort: before.nodePort })
  }
}

function validateSpec(spec: Readonly<Fields>): StatusCause[] {
  const ports = each(spec, 'ports')
  const causes: StatusCause[] = []
  if (!types.includes(text(spec.type))) causes.push(unsupportedValue('spec.type', spec.type, types))
  if (ports.length === 0 && !isHeadless(spec) && !isExternal(spec))
    causes.push(requiredValue('spec.ports'))
  if (isExternal(spec) && text(spec.externalName) === '')
    causes.push(requiredValue('spec.externalName'))
  ports.forEach((port, index) => {
    const path = `spec.ports[${index}]`
    if (ports.length > 1 && text(port.name) === '') causes.push(requiredValue(`${path}.name`))
    if (!isPort(port.port))
      causes.push(invalidValue(`${path}.port`, port.port, 'must be between 1 and 65535, inclusive'))
  })
  return causes
}

const isPort = (port: unknown): boolean =>
  Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535

function validateAddress(draft: Readonly<Fields>, old: KubeObject | undefined): StatusCause[] {
  const before = text(peek(old, 'spec').clusterIP)
  const after = text(peek(draft, 'spec').clusterIP)
  if (before === '' || before === after || isExternal(peek(draft, 'spec'))) return []
  return [invalidValue('spec.clusterIPs[0]', [after], 'may not change once set')]
}

function allocateAddresses(draft: Fields, { addresses }: StrategyContext): StatusCause[] {
  const spec = child(draft, 'spec')
  const key = serviceKey(draft.metadata)
  if (isExternal(spec)) {
    addresses?.release(key)
    return []
  }
  if (isHeadless(spec)) spec.clusterIPs = ['None']
  else if (addresses !== undefined) {
    const wanted = text(spec.clusterIP) || undefined
    const address = addresses.clusterIp(key, wanted)
    if (address === undefined)
      return [invalidValue('spec.clusterIP', wanted ?? '', 'no address is free')]
    spec.clusterIP = address
    spec.clusterIPs = [address]
  }
  return addresses === undefined ? [] : allocateNodePorts(spec, key, addresses)
}

function allocateNodePorts(
  spec: Fields,
  key: ReturnType<typeof serviceKey>,
  addresses: NonNullable<StrategyContext['addresses']>,
): StatusCause[] {
  const causes: StatusCause[] = []
  const ports = wantsNodePorts(spec) ? each(spec, 'ports') : []
  const wanted = ports.flatMap(({ nodePort }) => (typeof nodePort === 'number' ? [nodePort] : []))
  addresses.release(key, {
    ...(!isHeadless(spec) && { clusterIp: text(spec.clusterIP) }),
    nodePorts: wanted,
  })
  ports.forEach((port, index) => {
    const wish = typeof port.nodePort === 'number' ? port.nodePort : undefined
    const given = addresses.nodePort(key, Number(port.port), wish)
    if (given === undefined)
      causes.push(
        invalidValue(
          `spec.ports[${index}].nodePort`,
          wish ?? 0,
          'provided port is already allocated, or none is free',
        ),
      )
    else port.nodePort = given
  })
  return causes
}
