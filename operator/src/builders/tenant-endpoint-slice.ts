/** Where the Service of a tenant leads: the pod that holds its primary, or nowhere. */
import { labels, managedByMiniRedis, ports } from '@miniredis/crds'
import type { EndpointSlice } from '../kube/resources.ts'
import { type TenantOwner, tenantChild } from './owned-metadata.ts'
import { REDIS_PORT_NAME } from './tenant-service.ts'

export interface EndpointPod {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly address: string
  readonly nodeName?: string | undefined
}

export interface TenantEndpointSliceOptions {
  readonly tenant: TenantOwner
  readonly pod: EndpointPod | undefined
}

export function buildTenantEndpointSlice(options: TenantEndpointSliceOptions): EndpointSlice {
  const { tenant, pod } = options
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: tenantChild(tenant, tenant.metadata.name, {
      [labels.serviceName]: tenant.metadata.name,
      [labels.sliceManagedBy]: managedByMiniRedis,
    }),
    addressType: 'IPv4',
    ports: [{ name: REDIS_PORT_NAME, port: ports.resp, protocol: 'TCP', appProtocol: 'redis' }],
    endpoints: pod === undefined ? [] : [endpointOf(pod)],
  }
}

function endpointOf({ name, namespace, uid, address, nodeName }: EndpointPod) {
  return {
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName !== undefined && { nodeName }),
  }
}
