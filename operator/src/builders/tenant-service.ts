/** The Service of one tenant. Selectorless: its EndpointSlice names the primary. See DESIGN 4. */
import { ports } from '@miniredis/crds'
import type { Service } from '../kube/resources.ts'
import { type TenantOwner, tenantChild } from './owned-metadata.ts'

export const REDIS_PORT_NAME = 'redis'

export function buildTenantService(tenant: TenantOwner): Service {
  const { type, port } = tenant.spec.endpoint
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: tenantChild(tenant, tenant.metadata.name),
    spec: {
      type,
      ports: [
        {
          name: REDIS_PORT_NAME,
          port,
          targetPort: ports.resp,
          protocol: 'TCP',
          appProtocol: 'redis',
        },
      ],
    },
  }
}
