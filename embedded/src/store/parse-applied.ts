/** The body of a server-side apply: only what its author says, nothing filled in. */
import type { ResourceDefinition } from '../registry/resource-definition.ts'
import { pruneUnknownFields } from '../schema/prune.ts'
import type { Fields } from '../schema/schema.ts'
import { ApiError, badRequest } from './api-error.ts'
import { apiVersionOf, type ObjectKey } from './kube-object.ts'
import { copyInput } from './write-pipeline.ts'

/** @throws ApiError for unknown fields, whatever fieldValidation says, as Kubernetes does */
export function parseApplied(
  definition: ResourceDefinition,
  body: unknown,
  { namespace, name }: ObjectKey,
): Fields {
  const config = copyInput(definition, body)
  const metadata = config.metadata as Fields
  if (metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil')
  if (metadata.name !== undefined && metadata.name !== name)
    throw badRequest(
      `the name of the object (${String(metadata.name)}) does not match the name on the URL (${name})`,
    )
  metadata.name = name
  if (definition.isNamespaced) metadata.namespace = namespace
  const [unknown] = pruneUnknownFields(config, definition.schema)
  if (unknown === undefined) return config
  const where = `(${namespace ?? ''}/${name}; ${apiVersionOf(definition.resource)}, Kind=${definition.kind})`
  // Kubernetes answers with a bare 500 here, and so do we: a client must not learn otherwise from us
  const problem = `failed to create typed patch object ${where}: .${unknown}: field not declared in schema`
  throw new ApiError(500, '', problem)
}
