/** The scale subresource: an autoscaling/v1 Scale as a view of an object. */
import { child, peek } from '../registry/draft.ts'
import { readJsonPath } from '../registry/json-path.ts'
import type { ResourceDefinition, ScalePaths } from '../registry/resource-definition.ts'
import type { Fields } from '../schema/schema.ts'
import { badRequest, methodNotAllowed } from './api-error.ts'
import { copyJson } from './json-equality.ts'
import type { KubeObject } from './kube-object.ts'

function pathsOf({ scale, resource }: ResourceDefinition): ScalePaths {
  if (scale === undefined) throw methodNotAllowed(resource, 'scale')
  return scale
}

export function readScale(definition: ResourceDefinition, object: KubeObject): KubeObject {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = pathsOf(definition)
  const count = (path: string) => Number(readJsonPath(object, path)[0] ?? 0)
  const selector = labelSelectorPath ? readJsonPath(object, labelSelectorPath)[0] : undefined
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: count(specReplicasPath) },
    status: {
      replicas: count(statusReplicasPath),
      ...(typeof selector === 'string' && { selector }),
    },
  }
}

/** A copy of the object with the number of replicas that a Scale asks for. */
export function writeScale(
  definition: ResourceDefinition,
  object: KubeObject,
  scale: unknown,
): Fields {
  const { replicas = 0 } = peek(scale, 'spec')
  if (!Number.isInteger(replicas) || Number(replicas) < 0)
    throw badRequest('spec.replicas must be a whole number, 0 or more')
  const draft = copyJson(object) as unknown as Fields
  const fields = pathsOf(definition).specReplicasPath.split('.').slice(1)
  const last = fields.pop() ?? 'replicas'
  let target = draft
  for (const field of fields) target = child(target, field)
  target[last] = replicas
  const { resourceVersion } = peek(scale, 'metadata')
  if (typeof resourceVersion === 'string')
    (draft.metadata as Fields).resourceVersion = resourceVersion
  return draft
}
