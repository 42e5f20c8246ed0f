/** One runtime pod: a member of a pool. Created directly, so that the operator decides when it goes. */
import { createHash } from 'node:crypto'
import {
  annotations,
  labels,
  memberTlsSecretName,
  ports,
  terminationProofFinalizer,
} from '@miniredis/crds'
import type { Pod } from '../kube/resources.ts'
import { type PoolOwner, poolChild, poolLabels } from './owned-metadata.ts'
import { poolServiceName } from './pool-service.ts'

export const RUNTIME_CONTAINER_NAME = 'runtime'
const USER_ID = 10_001
const DATA_DIR = '/var/lib/miniredis'
const TLS_DIR = '/etc/miniredis/tls'
const TERMINATION_GRACE_SECONDS = 30

export interface RuntimePodOptions {
  readonly pool: PoolOwner
  readonly member: string
  /** For pools that name no image. */
  readonly defaultImage: string
}

type PodSpec = NonNullable<Pod['spec']>
type Container = PodSpec['containers'][number]

export function buildRuntimePod(options: RuntimePodOptions): Pod {
  const { pool, member } = options
  const spec = podSpec(options)
  const metadata = poolChild(pool, member, {
    [labels.member]: member,
    [labels.component]: 'runtime',
  })
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      annotations: { [annotations.templateHash]: hashOf(spec) },
      finalizers: [terminationProofFinalizer],
    },
    spec,
  }
}

/** The hash of the template that a pod was built from. Another hash: the pod is replaced. */
export const templateHashOf = ({ metadata }: Pod): string | undefined =>
  metadata.annotations?.[annotations.templateHash]

const hashOf = (spec: PodSpec): string =>
  createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 16)

function podSpec(options: RuntimePodOptions): PodSpec {
  const { pool, member } = options
  return {
    hostname: member,
    subdomain: poolServiceName(pool.metadata.name),
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: TERMINATION_GRACE_SECONDS,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER_ID,
      runAsGroup: USER_ID,
      fsGroup: USER_ID,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    topologySpreadConstraints: [labels.zone, 'kubernetes.io/hostname'].map((topologyKey) => ({
      maxSkew: 1,
      topologyKey,
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: poolLabels(pool.metadata.name) },
    })),
    containers: [container(options)],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: member } },
      { name: 'tls', secret: { secretName: memberTlsSecretName(member), defaultMode: 0o440 } },
      { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } },
    ],
  }
}

function container({ pool, member, defaultImage }: RuntimePodOptions): Container {
  const { image = defaultImage, imagePullPolicy, resources } = pool.spec
  return {
    name: RUNTIME_CONTAINER_NAME,
    image,
    imagePullPolicy,
    command: ['/usr/local/bin/node', '/app/runtime.mjs'],
    env: [
      { name: 'MINIREDIS_NAMESPACE', value: pool.metadata.namespace ?? '' },
      { name: 'MINIREDIS_POOL', value: pool.metadata.name },
      { name: 'MINIREDIS_MEMBER', value: member },
      { name: 'MINIREDIS_POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
      { name: 'MINIREDIS_DATA_DIR', value: DATA_DIR },
      { name: 'MINIREDIS_TLS_DIR', value: TLS_DIR },
    ],
    ports: [
      { name: 'redis', containerPort: ports.resp, protocol: 'TCP' },
      { name: 'control', containerPort: ports.control, protocol: 'TCP' },
      { name: 'telemetry', containerPort: ports.telemetry, protocol: 'TCP' },
    ],
    resources: {
      requests: amounts(resources.requests),
      limits: amounts(resources.limits),
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    readinessProbe: { ...probe('/readyz'), periodSeconds: 1, failureThreshold: 2 },
    livenessProbe: {
      ...probe('/livez'),
      initialDelaySeconds: 10,
      periodSeconds: 5,
      failureThreshold: 6,
    },
    volumeMounts: [
      { name: 'data', mountPath: DATA_DIR },
      { name: 'tls', mountPath: TLS_DIR, readOnly: true },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  }
}

const probe = (path: string) => ({
  httpGet: { path, port: 'telemetry' },
  timeoutSeconds: 2,
})

/** Without the amounts that are not given: undefined has no place in an object that is hashed. */
const amounts = (given: { cpu?: string | undefined; memory?: string | undefined } = {}) => ({
  ...(given.cpu !== undefined && { cpu: given.cpu }),
  ...(given.memory !== undefined && { memory: given.memory }),
})
