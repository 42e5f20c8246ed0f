/** Objects that every cluster starts with: a default storage class and the way to cluster DNS. */
import { provisionerName } from './agent/volumes.ts'
import { network } from './layout.ts'

const dnsPorts = [
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
]

/** What to create, and the collection to create it in. */
export interface BaseObject {
  readonly collection: string
  readonly object: object
}

export const baseObjects: readonly BaseObject[] = [
  {
    collection: '/apis/storage.k8s.io/v1/storageclasses',
    object: {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: {
        name: 'folder',
        annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
      },
      provisioner: provisionerName,
      reclaimPolicy: 'Delete',
      volumeBindingMode: 'WaitForFirstConsumer',
    },
  },
  {
    collection: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
    object: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'testcluster-dns' },
      rules: [
        {
          apiGroups: ['', 'discovery.k8s.io'],
          resources: ['endpointslices', 'services', 'pods', 'namespaces'],
          verbs: ['get', 'list', 'watch'],
        },
      ],
    },
  },
  {
    collection: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
    object: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'testcluster-dns' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'testcluster-dns',
      },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'testcluster-dns' }],
    },
  },
  {
    collection: '/api/v1/namespaces/kube-system/services',
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kube-dns', namespace: 'kube-system' },
      spec: { clusterIP: network.dnsServiceAddress, ports: dnsPorts },
    },
  },
  {
    collection: '/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices',
    object: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'kube-dns-node',
        namespace: 'kube-system',
        labels: { 'kubernetes.io/service-name': 'kube-dns' },
      },
      addressType: 'IPv4',
      endpoints: [{ addresses: [network.nodeAddress], conditions: { ready: true } }],
      ports: dnsPorts,
    },
  },
]
