/** What the API server adds to and demands of Pods beyond their schema. */

import {
  duplicateValue,
  forbiddenValue,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from '../schema/field-error.ts'
import { nameForms } from '../schema/metadata-rules.ts'
import { parseQuantity } from '../schema/quantity.ts'
import type { Fields } from '../schema/schema.ts'
import type { StatusCause } from '../store/api-error.ts'
import { copyJson, isSameJson } from '../store/json-equality.ts'
import type { KubeObject } from '../store/kube-object.ts'
import { child, each, peek, setDefaults, text } from './draft.ts'
import type { Strategy } from './resource-definition.ts'

const probeDefaults = {
  timeoutSeconds: 1,
  periodSeconds: 10,
  successThreshold: 1,
  failureThreshold: 3,
}
const probes = ['livenessProbe', 'readinessProbe', 'startupProbe']
const MODE_0644 = 0o644

export const podStrategy: Strategy = {
  applyDefaults: (draft) => defaultPodSpec(child(draft, 'spec')),
  prepareCreate(draft) {
    draft.status = { phase: 'Pending', qosClass: qosClass(peek(draft, 'spec')) }
  },
  validate: (draft, old) => [...validateSpec(peek(draft, 'spec')), ...validateChange(draft, old)],
}

function defaultPodSpec(spec: Fields): void {
  setDefaults(spec, {
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    serviceAccountName: 'default',
    terminationGracePeriodSeconds: 30,
    enableServiceLinks: true,
    securityContext: {},
  })
  setDefaults(spec, { serviceAccount: spec.serviceAccountName })
  for (const container of [...each(spec, 'initContainers'), ...each(spec, 'containers')])
    defaultContainer(container)
  for (const volume of each(spec, 'volumes')) defaultVolume(volume)
}

function defaultContainer(container: Fields): void {
  const image = text(container.image)
  const isFloating = !image.includes('@') && /(:latest|^[^:]+|\/[^:]+)$/.test(image)
  setDefaults(container, {
    imagePullPolicy: isFloating ? 'Always' : 'IfNotPresent',
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  })
  for (const port of each(container, 'ports')) setDefaults(port, { protocol: 'TCP' })
  for (const probe of probes) if (container[probe] !== undefined) defaultProbe(container, probe)
  for (const variable of each(container, 'env')) {
    const { fieldRef } = peek(variable, 'valueFrom')
    if (fieldRef !== undefined) setDefaults(fieldRef as Fields, { apiVersion: 'v1' })
  }
  const resources = child(container, 'resources')
  // what is limited and not requested is requested in full
  if (resources.limits !== undefined)
    setDefaults(child(resources, 'requests'), peek(resources, 'limits'))
}

function defaultProbe(container: Fields, name: string): void {
  const probe = child(container, name)
  setDefaults(probe, probeDefaults)
  if (probe.httpGet !== undefined)
    setDefaults(child(probe, 'httpGet'), { scheme: 'HTTP', path: '/' })
}

function defaultVolume(volume: Fields): void {
  for (const kind of ['secret', 'configMap', 'projected', 'downwardAPI'])
    if (volume[kind] !== undefined) setDefaults(child(volume, kind), { defaultMode: MODE_0644 })
  if (Object.keys(volume).length === 1) volume.emptyDir = {}
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ */
function qosClass(spec: Readonly<Fields>): string {
  const containers = [...each(spec, 'initContainers'), ...each(spec, 'containers')]
  const demands = containers.map((container) => peek(container, 'resources'))
  const isEmpty = (field: string) =>
    demands.every((demand) => Object.keys(peek(demand, field)).length === 0)
  if (isEmpty('limits') && isEmpty('requests')) return 'BestEffort'
  const isGuaranteed = demands.every((demand) =>
    ['cpu', 'memory'].every((resource) => {
      const limit = parseQuantity(String(peek(demand, 'limits')[resource] ?? ''))
      const request = parseQuantity(String(peek(demand, 'requests')[resource] ?? ''))
      return limit !== undefined && limit === request
    }),
  )
  return isGuaranteed ? 'Guaranteed' : 'Burstable'
}

const restartPolicies = ['Always', 'OnFailure', 'Never']
const containerName = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

function validateSpec(spec: Readonly<Fields>): StatusCause[] {
  const policy = spec.restartPolicy
  const volumes = new Set(each(spec, 'volumes').map(({ name }) => name))
  const names = new Set<unknown>()
  return [
    ...(restartPolicies.includes(text(policy))
      ? []
      : [unsupportedValue('spec.restartPolicy', policy, restartPolicies)]),
    ...(each(spec, 'containers').length === 0 ? [requiredValue('spec.containers')] : []),
    ...['initContainers', 'containers'].flatMap((field) =>
      each(spec, field).flatMap((container, index) =>
        validateContainer(container, `spec.${field}[${index}]`, names, volumes),
      ),
    ),
  ]
}

function validateContainer(
  container: Readonly<Fields>,
  path: string,
  names: Set<unknown>,
  volumes: ReadonlySet<unknown>,
): StatusCause[] {
  const { name, image } = container
  const causes: StatusCause[] = []
  if (text(name) === '') causes.push(requiredValue(`${path}.name`))
  else if (!containerName.test(text(name)))
    causes.push(invalidValue(`${path}.name`, name, nameForms.label.words))
  else if (names.has(name)) causes.push(duplicateValue(`${path}.name`, name))
  names.add(name)
  if (text(image) === '') causes.push(requiredValue(`${path}.image`))
  each(container, 'volumeMounts').forEach((mount, index) => {
    if (!volumes.has(mount.name))
      causes.push({
        reason: 'FieldValueNotFound',
        field: `${path}.volumeMounts[${index}].name`,
        message: `Not found: ${JSON.stringify(mount.name)}`,
      })
  })
  return causes
}

const frozenWords =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

function validateChange(draft: Readonly<Fields>, old: KubeObject | undefined): StatusCause[] {
  if (old === undefined || isSameJson(frozenPart(draft.spec), frozenPart(old.spec))) return []
  return [forbiddenValue('spec', frozenWords)]
}

function frozenPart(spec: unknown): unknown {
  const { activeDeadlineSeconds: _, tolerations: __, ...rest } = spec as Fields
  const copy = copyJson(rest)
  for (const container of [...each(copy, 'initContainers'), ...each(copy, 'containers')])
    delete container.image
  return copy
}

/**
 * POST pods/<name>/binding: gives the Pod its node, once.
 * @returns why not, or undefined
 */
export function bindPod(draft: Fields, binding: Readonly<Fields>, now: string): string | undefined {
  const node = text(peek(binding, 'target').name)
  const spec = child(draft, 'spec')
  if (text(spec.nodeName) !== '')
    return `pod ${text(peek(draft, 'metadata').name)} is already assigned to node "${text(spec.nodeName)}"`
  spec.nodeName = node
  const status = child(draft, 'status')
  const others = each(status, 'conditions').filter(({ type }) => type !== 'PodScheduled')
  const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null }
  status.conditions = [...others, { ...scheduled, lastTransitionTime: now }]
  return undefined
}
