/** Names of the built-in resources, for callers inside the process. */
import type { Resource } from './kube-object.ts'

const core = (plural: string): Resource => ({ group: '', version: 'v1', plural })

export const resources = {
  namespaces: core('namespaces'),
  nodes: core('nodes'),
  pods: core('pods'),
  persistentVolumeClaims: core('persistentvolumeclaims'),
  persistentVolumes: core('persistentvolumes'),
  secrets: core('secrets'),
  configMaps: core('configmaps'),
  services: core('services'),
  serviceAccounts: core('serviceaccounts'),
  events: core('events'),
  endpointSlices: { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' },
  leases: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' },
  storageClasses: { group: 'storage.k8s.io', version: 'v1', plural: 'storageclasses' },
  customResourceDefinitions: {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    plural: 'customresourcedefinitions',
  },
} as const satisfies Record<string, Resource>
