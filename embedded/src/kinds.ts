/**
 * The parts of Kubernetes objects that the kubelet, the scheduler and the network act on, parsed
 * once where an object leaves the store. Unknown fields pass through untouched.
 */
import { z } from 'zod'

const labelMap = z.record(z.string(), z.string())

export const objectMetaSchema = z.looseObject({
  name: z.string(),
  namespace: z.string().default('default'),
  uid: z.string(),
  resourceVersion: z.string().optional(),
  labels: labelMap.optional(),
  annotations: labelMap.optional(),
  finalizers: z.array(z.string()).optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  deletionGracePeriodSeconds: z.number().optional(),
})

const keyReference = z.looseObject({
  name: z.string(),
  key: z.string(),
  optional: z.boolean().optional(),
})

const environmentVariable = z.looseObject({
  name: z.string().min(1),
  value: z.string().optional(),
  valueFrom: z
    .looseObject({
      fieldRef: z.looseObject({ fieldPath: z.string() }).optional(),
      secretKeyRef: keyReference.optional(),
      configMapKeyRef: keyReference.optional(),
    })
    .optional(),
})

const portReference = z.union([z.int(), z.string()])

export const probeSchema = z.looseObject({
  httpGet: z
    .looseObject({
      path: z.string().default('/'),
      port: portReference,
      host: z.string().optional(),
      scheme: z.enum(['HTTP', 'HTTPS']).default('HTTP'),
      httpHeaders: z.array(z.looseObject({ name: z.string(), value: z.string() })).default([]),
    })
    .optional(),
  tcpSocket: z.looseObject({ port: portReference, host: z.string().optional() }).optional(),
  exec: z.looseObject({ command: z.array(z.string()).min(1) }).optional(),
  initialDelaySeconds: z.number().min(0).default(0),
  periodSeconds: z.number().min(1).default(10),
  timeoutSeconds: z.number().min(1).default(1),
  successThreshold: z.int().min(1).default(1),
  failureThreshold: z.int().min(1).default(3),
  terminationGracePeriodSeconds: z.number().min(0).optional(),
})

export const containerSchema = z.looseObject({
  name: z.string().min(1),
  image: z.string().default(''),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  workingDir: z.string().optional(),
  env: z.array(environmentVariable).default([]),
  envFrom: z
    .array(
      z.looseObject({
        prefix: z.string().default(''),
        secretRef: z.looseObject({ name: z.string(), optional: z.boolean().optional() }).optional(),
        configMapRef: z
          .looseObject({ name: z.string(), optional: z.boolean().optional() })
          .optional(),
      }),
    )
    .default([]),
  ports: z
    .array(z.looseObject({ name: z.string().optional(), containerPort: z.int() }))
    .default([]),
  volumeMounts: z
    .array(
      z.looseObject({
        name: z.string(),
        mountPath: z.string().startsWith('/'),
        subPath: z.string().optional(),
      }),
    )
    .default([]),
  startupProbe: probeSchema.optional(),
  livenessProbe: probeSchema.optional(),
  readinessProbe: probeSchema.optional(),
})

const keyToPath = z.array(
  z.looseObject({ key: z.string(), path: z.string(), mode: z.int().optional() }),
)

export const volumeSchema = z.looseObject({
  name: z.string(),
  emptyDir: z.looseObject({}).optional(),
  persistentVolumeClaim: z.looseObject({ claimName: z.string() }).optional(),
  secret: z
    .looseObject({
      secretName: z.string(),
      items: keyToPath.optional(),
      optional: z.boolean().optional(),
      defaultMode: z.int().default(0o644),
    })
    .optional(),
  configMap: z
    .looseObject({
      name: z.string(),
      items: keyToPath.optional(),
      optional: z.boolean().optional(),
      defaultMode: z.int().default(0o644),
    })
    .optional(),
})

export const CONTAINERS_PER_POD_MAX = 16

const toleration = z.looseObject({
  key: z.string().optional(),
  operator: z.enum(['Exists', 'Equal']).default('Equal'),
  value: z.string().optional(),
  effect: z.string().optional(),
})

const expression = z.looseObject({
  key: z.string(),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(z.string()).default([]),
})

const nodeSelectorTerm = z.looseObject({ matchExpressions: z.array(expression).default([]) })

export const labelSelectorSchema = z.looseObject({
  matchLabels: labelMap.optional(),
  matchExpressions: z.array(expression).optional(),
})

const spreadConstraint = z.looseObject({
  maxSkew: z.int().min(1).default(1),
  topologyKey: z.string(),
  whenUnsatisfiable: z.enum(['DoNotSchedule', 'ScheduleAnyway']).default('DoNotSchedule'),
  labelSelector: labelSelectorSchema.optional(),
})

const nodeAffinity = z.looseObject({
  requiredDuringSchedulingIgnoredDuringExecution: z
    .looseObject({ nodeSelectorTerms: z.array(nodeSelectorTerm) })
    .optional(),
  preferredDuringSchedulingIgnoredDuringExecution: z
    .array(z.looseObject({ weight: z.int(), preference: nodeSelectorTerm }))
    .optional(),
})

export const podConditionSchema = z.looseObject({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string().optional(),
  message: z.string().optional(),
  lastTransitionTime: z.string().optional(),
})

const terminatedState = z.looseObject({
  exitCode: z.int(),
  signal: z.int().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
  startedAt: z.string().optional(),
  finishedAt: z.string().optional(),
  containerID: z.string().optional(),
})

const containerState = z.looseObject({
  waiting: z
    .looseObject({ reason: z.string().optional(), message: z.string().optional() })
    .optional(),
  running: z.looseObject({ startedAt: z.string().optional() }).optional(),
  terminated: terminatedState.optional(),
})

export const containerStatusSchema = z.looseObject({
  name: z.string(),
  state: containerState.default({}),
  lastState: containerState.default({}),
  ready: z.boolean().default(false),
  started: z.boolean().optional(),
  restartCount: z.int().default(0),
  image: z.string().optional(),
  imageID: z.string().optional(),
  containerID: z.string().optional(),
})

export const podStatusSchema = z.looseObject({
  phase: z.string().optional(),
  podIP: z.string().optional(),
  startTime: z.string().optional(),
  conditions: z.array(podConditionSchema).optional(),
  containerStatuses: z.array(containerStatusSchema).optional(),
})

export const podSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({
    nodeName: z.string().optional(),
    hostname: z.string().optional(),
    containers: z.array(containerSchema).min(1).max(CONTAINERS_PER_POD_MAX),
    volumes: z.array(volumeSchema).default([]),
    restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).default('Always'),
    terminationGracePeriodSeconds: z.number().min(0).default(30),
    nodeSelector: labelMap.optional(),
    affinity: z.looseObject({ nodeAffinity: nodeAffinity.optional() }).optional(),
    tolerations: z.array(toleration).default([]),
    topologySpreadConstraints: z.array(spreadConstraint).default([]),
  }),
  status: podStatusSchema.default({}),
})

export const nodeSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z
    .looseObject({
      unschedulable: z.boolean().optional(),
      taints: z
        .array(z.looseObject({ key: z.string(), value: z.string().optional(), effect: z.string() }))
        .optional(),
    })
    .default({}),
  status: z.looseObject({ conditions: z.array(podConditionSchema).optional() }).default({}),
})

export const claimSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({
    storageClassName: z.string().optional(),
    volumeName: z.string().optional(),
    accessModes: z.array(z.string()).optional(),
    resources: z.looseObject({ requests: labelMap.optional() }).optional(),
  }),
  status: z
    .looseObject({ phase: z.string().optional(), capacity: labelMap.optional() })
    .default({}),
})

const servicePort = z.looseObject({
  name: z.string().optional(),
  protocol: z.string().default('TCP'),
  port: z.int().min(1).max(65_535),
  targetPort: portReference.optional(),
  nodePort: z.int().optional(),
})

export const serviceSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({
    type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']).default('ClusterIP'),
    clusterIP: z.string().optional(),
    clusterIPs: z.array(z.string()).optional(),
    selector: labelMap.optional(),
    ports: z.array(servicePort).default([]),
    publishNotReadyAddresses: z.boolean().optional(),
  }),
  status: z
    .looseObject({
      loadBalancer: z.looseObject({ ingress: z.array(z.unknown()).optional() }).optional(),
      conditions: z.array(podConditionSchema).optional(),
    })
    .default({}),
})

export const endpointSliceSchema = z.looseObject({
  metadata: objectMetaSchema,
  addressType: z.string().default('IPv4'),
  endpoints: z
    .array(
      z.looseObject({
        addresses: z.array(z.string()).min(1),
        conditions: z.looseObject({ ready: z.boolean().optional() }).optional(),
      }),
    )
    .nullish(),
  ports: z
    .array(z.looseObject({ name: z.string().optional(), port: z.int().optional() }))
    .nullish(),
})

/** Secret and ConfigMap: what environment variables and volumes are made of. */
export const dataHolderSchema = z.looseObject({
  metadata: objectMetaSchema,
  data: labelMap.optional(),
  binaryData: labelMap.optional(),
})

export type ObjectMeta = z.output<typeof objectMetaSchema>
export type Container = z.output<typeof containerSchema>
export type Volume = z.output<typeof volumeSchema>
export type Probe = z.output<typeof probeSchema>
export type Pod = z.output<typeof podSchema>
export type PodStatus = z.output<typeof podStatusSchema>
export type PodCondition = z.output<typeof podConditionSchema>
export type ContainerStatus = z.output<typeof containerStatusSchema>
export type ContainerTerminated = z.output<typeof terminatedState>
export type ClusterNode = z.output<typeof nodeSchema>
export type Claim = z.output<typeof claimSchema>
export type Service = z.output<typeof serviceSchema>
export type ServicePort = z.output<typeof servicePort>
export type EndpointSlice = z.output<typeof endpointSliceSchema>
export type DataHolder = z.output<typeof dataHolderSchema>
export type LabelSelector = z.output<typeof labelSelectorSchema>
export type SelectorExpression = z.output<typeof expression>
