/** The headless Service of a pool: gives every member a name, ready or not. */
import { labels, ports } from '@miniredis/crds'
import type { Service } from '../kube/resources.ts'
import { type PoolOwner, poolChild, poolLabels } from './owned-metadata.ts'

export const poolServiceName = (pool: string): string => `${pool}-members`

export function buildPoolService(pool: PoolOwner): Service {
  const { name } = pool.metadata
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: poolChild(pool, poolServiceName(name)),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: { ...poolLabels(name), [labels.component]: 'runtime' },
      ports: [
        { name: 'redis', port: ports.resp, targetPort: ports.resp, protocol: 'TCP' },
        { name: 'telemetry', port: ports.telemetry, targetPort: ports.telemetry, protocol: 'TCP' },
      ],
    },
  }
}
