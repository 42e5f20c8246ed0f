/** What every cluster begins with: namespaces, nodes in zones, a storage class, CRDs, a pool. */
import { readdirSync, readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { apiGroup, apiVersion } from '@miniredis/crds'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { timestamp } from '../clock.ts'
import { nodeSchema } from '../kinds.ts'
import { DEFAULT_STORAGE_CLASS } from '../registry/simple-strategies.ts'
import type { ApiStore } from '../store/api-store.ts'
import type { ObjectInput, Resource } from '../store/kube-object.ts'
import { resources } from '../store/resources.ts'

export const operatorNamespace = 'miniredis'
export const nodeNames = ['node-a', 'node-b', 'node-c'] as const
export const defaultPool = 'default'

const manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
})

export type Manifest = z.output<typeof manifest>

const writer = { fieldManager: 'embedded-cluster' }

/** All documents of a YAML file. @throws Error that names the file */
export function readManifests(path: string): readonly Manifest[] {
  const documents = parseAllDocuments(readFileSync(path, 'utf8'))
  return documents.flatMap((document) => {
    const [problem] = document.errors
    if (problem !== undefined) throw new Error(`${path}: ${problem.message}`)
    const value: unknown = document.toJS()
    return value === null ? [] : [manifest.parse(value)]
  })
}

/** Brings what is there up to date; running it again writes nothing. */
export function installBasics(store: ApiStore, definitionsDirectory: string, now: number): void {
  for (const name of ['default', 'kube-system', operatorNamespace]) {
    ensure(store, resources.namespaces, { metadata: { name } })
  }
  for (const name of nodeNames) ensureNode(store, name, now)
  ensure(store, resources.storageClasses, buildStorageClass())
  for (const file of readdirSync(definitionsDirectory).sort()) {
    if (!file.endsWith('.yaml')) continue
    for (const definition of readManifests(join(definitionsDirectory, file))) {
      applyDefinition(store, definition)
    }
  }
  ensure(store, poolResource, buildDefaultPool())
}

const poolResource: Resource = { group: apiGroup, version: 'v1alpha1', plural: 'runtimepools' }

const buildDefaultPool = (): ObjectInput => ({
  apiVersion,
  kind: 'RuntimePool',
  metadata: { name: defaultPool, namespace: operatorNamespace },
  spec: {},
})

function ensure(store: ApiStore, resource: Resource, object: ObjectInput): void {
  const { name = '', namespace } = object.metadata ?? {}
  if (store.find(resource, { namespace, name }) === undefined)
    store.create(resource, object, writer)
}

function applyDefinition(store: ApiStore, definition: Manifest): void {
  const patch = { kind: 'apply', body: definition, force: true } as const
  store.patch(
    resources.customResourceDefinitions,
    { name: definition.metadata.name },
    patch,
    writer,
  )
}

const buildStorageClass = (): ObjectInput => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: {
    name: DEFAULT_STORAGE_CLASS,
    annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
  },
  provisioner: 'miniredis.io/directory',
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
})

function ensureNode(store: ApiStore, name: string, now: number): void {
  const labels = {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'topology.kubernetes.io/region': 'local',
    'topology.kubernetes.io/zone': name.replace('node-', 'zone-'),
  }
  ensure(store, resources.nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } })
  const node = store.get(resources.nodes, { name })
  if (nodeSchema.parse(node).status.conditions !== undefined) return
  store.update(
    resources.nodes,
    { ...node, status: nodeStatus(name, now) },
    { subresource: 'status' },
  )
}

function nodeStatus(name: string, now: number) {
  const amounts = {
    cpu: String(cpus().length),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: '110',
  }
  const at = timestamp(now)
  return {
    addresses: [
      { type: 'InternalIP', address: '127.0.0.1' },
      { type: 'Hostname', address: name },
    ],
    capacity: amounts,
    allocatable: amounts,
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'KubeletReady',
        message: 'the embedded kubelet runs pods as processes',
        lastHeartbeatTime: at,
        lastTransitionTime: at,
      },
    ],
    nodeInfo: {
      machineID: name,
      systemUUID: name,
      bootID: name,
      kernelVersion: '',
      osImage: 'embedded',
      containerRuntimeVersion: 'process://1',
      kubeletVersion: 'v1.34.0-embedded',
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    },
  }
}
