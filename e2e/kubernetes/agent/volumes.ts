/**
 * A dynamic provisioner of volumes that are folders. The volumes are of type `local`, not hostPath,
 * because the kubelet hands a volume to the pod's fsGroup only for the former.
 */
import { chmod, mkdir, rm } from 'node:fs/promises'
import { type Layout, node } from '../layout.ts'
import type { ApiClient, KubeObject, WatchEvent } from './api-client.ts'

export const provisionerName = 'testcluster/folder'

interface Claim extends KubeObject {
  readonly spec: {
    readonly volumeName?: string
    readonly storageClassName?: string
    readonly accessModes: readonly string[]
    readonly resources: { readonly requests: Readonly<Record<string, string>> }
  }
}

interface Volume extends KubeObject {
  readonly spec: {
    readonly persistentVolumeReclaimPolicy?: string
    readonly local?: { path: string }
  }
  readonly status?: { readonly phase?: string }
}

/** Runs until the process ends. */
export async function runVolumes(api: ApiClient, layout: Layout): Promise<never> {
  const root = `${layout.state}/volumes`
  await Promise.all([
    api.watch<Claim>('/api/v1/persistentvolumeclaims', (event) => provision(api, root, event)),
    api.watch<Volume>('/api/v1/persistentvolumes', (event) => reclaim(api, root, event)),
  ])
  throw new Error('a watch ended')
}

async function provision(
  api: ApiClient,
  root: string,
  { type, object: claim }: WatchEvent<Claim>,
): Promise<void> {
  const { annotations = {} } = claim.metadata
  const isOurs = annotations['volume.kubernetes.io/storage-provisioner'] === provisionerName
  // WaitForFirstConsumer: nothing is made before the scheduler has chosen a node
  const isScheduled = 'volume.kubernetes.io/selected-node' in annotations
  if (type === 'DELETED' || !isOurs || !isScheduled || claim.spec.volumeName !== undefined) return
  const path = `${root}/${volumeName(claim)}`
  await mkdir(path, { recursive: true })
  await chmod(path, 0o770)
  await api.call('POST', '/api/v1/persistentvolumes', buildVolume(claim, path)) // 409: made before
}

async function reclaim(
  api: ApiClient,
  root: string,
  { type, object: volume }: WatchEvent<Volume>,
): Promise<void> {
  const { name, annotations = {} } = volume.metadata
  const isOurs = annotations['pv.kubernetes.io/provisioned-by'] === provisionerName
  const isReleased = volume.status?.phase === 'Released'
  const isDeleted = volume.spec.persistentVolumeReclaimPolicy === 'Delete'
  if (type === 'DELETED' || !isOurs || !isReleased || !isDeleted) return
  await rm(`${root}/${name}`, { recursive: true, force: true })
  await api.call('DELETE', `/api/v1/persistentvolumes/${name}`)
}

function buildVolume(claim: Claim, path: string): object {
  const { name, namespace, uid } = claim.metadata
  const onNode = { key: 'kubernetes.io/hostname', operator: 'In', values: [node.name] }
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: volumeName(claim),
      annotations: { 'pv.kubernetes.io/provisioned-by': provisionerName },
    },
    spec: {
      capacity: claim.spec.resources.requests,
      accessModes: claim.spec.accessModes,
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: claim.spec.storageClassName,
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid },
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [onNode] }] } },
    },
  }
}

function volumeName(claim: Claim): string {
  return `pvc-${claim.metadata.uid}`
}
