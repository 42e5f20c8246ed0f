/** The volume of one member. It outlives the member's pods. */
import { labels } from '@miniredis/crds'
import type { PersistentVolumeClaim } from '../kube/resources.ts'
import { type PoolOwner, poolChild } from './owned-metadata.ts'

export function buildMemberVolume(pool: PoolOwner, member: string): PersistentVolumeClaim {
  const { size, storageClassName } = pool.spec.storage
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: poolChild(pool, member, { [labels.member]: member }),
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: size } },
      ...(storageClassName !== undefined && { storageClassName }),
    },
  }
}
