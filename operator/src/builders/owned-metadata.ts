/** Metadata of objects that belong to a RuntimePool or a TenantNode, and who owns what. */
import { labels, managedByMiniRedis } from '@miniredis/crds'
import type { KubeObject, ObjectMeta, OwnerReference, Stored } from '../kube/object.ts'
import type { RuntimePool, TenantNode } from '../kube/resources.ts'

/** What builders need of the pool that their object belongs to. */
export type PoolOwner = Stored<RuntimePool>
export type TenantOwner = Stored<TenantNode>

/** Labels of everything of a pool; together with managed-by also its selector. */
export const poolLabels = (pool: string): Readonly<Record<string, string>> => ({
  [labels.managedBy]: managedByMiniRedis,
  [labels.pool]: pool,
})

export const memberLabels = (pool: string, member: string): Readonly<Record<string, string>> => ({
  ...poolLabels(pool),
  [labels.member]: member,
})

/** An object of a pool lives in the pool's namespace. */
export function poolChild(pool: PoolOwner, name: string, more: object = {}): ObjectMeta {
  return {
    name,
    namespace: pool.metadata.namespace ?? '',
    labels: { ...poolLabels(pool.metadata.name), ...more },
    ownerReferences: [controllerReference(pool)],
  }
}

/** An object of a tenant lives in the tenant's namespace. */
export function tenantChild(tenant: TenantOwner, name: string, more: object = {}): ObjectMeta {
  return {
    name,
    namespace: tenant.metadata.namespace ?? '',
    labels: {
      [labels.managedBy]: managedByMiniRedis,
      [labels.tenant]: tenant.metadata.name,
      ...more,
    },
    ownerReferences: [controllerReference(tenant)],
  }
}

function controllerReference({ apiVersion, kind, metadata }: Stored<KubeObject>): OwnerReference {
  return {
    apiVersion,
    kind,
    name: metadata.name,
    uid: metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  }
}

/** Whether this very owner (same UID) controls the object. */
export const isControlledBy = (object: KubeObject, owner: Stored<KubeObject>): boolean =>
  controllerOf(object)?.uid === owner.metadata.uid

export const controllerOf = ({ metadata }: KubeObject): OwnerReference | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller === true)
