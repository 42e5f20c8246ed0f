/** JSON, merge and strategic merge patches of one object. Server-side apply is elsewhere. */
import { applyJsonPatch } from '../patches/json-patch.ts'
import { applyMergePatch } from '../patches/merge-patch.ts'
import { applyStrategicMerge } from '../patches/strategic-merge.ts'
import type { ResourceDefinition } from '../registry/resource-definition.ts'
import { ApiError } from './api-error.ts'
import type { Patch } from './api-store.ts'
import type { KubeObject } from './kube-object.ts'

/** @throws ApiError 415 for a strategic merge patch of a custom resource */
export function checkPatchKind({ isCustom }: ResourceDefinition, { kind }: Patch): void {
  if (isCustom && kind === 'strategic') throw noStrategicMerge()
}

export function patchObject(
  { schema }: ResourceDefinition,
  object: KubeObject,
  patch: Exclude<Patch, { kind: 'apply' }>,
): unknown {
  switch (patch.kind) {
    case 'json':
      return applyJsonPatch(object, patch.body)
    case 'merge':
      return applyMergePatch(object, patch.body)
    case 'strategic':
      return applyStrategicMerge(object, patch.body, schema)
  }
}

const noStrategicMerge = (): ApiError =>
  new ApiError(
    415,
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
  )
