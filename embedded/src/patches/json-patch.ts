/** JSON patch, RFC 6902: the library's algorithm, Kubernetes' limits and errors. */
import { applyPatch, type Operation } from 'rfc6902'
import { isFields } from '../schema/schema.ts'
import { ApiError, badRequest } from '../store/api-error.ts'
import { copyJson } from '../store/json-equality.ts'

export const JSON_PATCH_OPERATIONS_MAX = 10_000

const operations = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test'])

/** A new value. @throws ApiError 400 for what is no patch, 413 for a long one, 422 when it does not apply */
export function applyJsonPatch(target: unknown, patch: unknown): unknown {
  const steps = parseOperations(patch)
  const result = copyJson(target)
  const [failed] = applyPatch(result, steps).filter((error) => error !== null)
  if (failed === undefined) return result
  const message = `the server rejected our request due to an error in our request: ${failed.message}`
  throw new ApiError(422, 'Invalid', message)
}

function parseOperations(patch: unknown): Operation[] {
  if (!Array.isArray(patch))
    throw badRequest('error decoding patch: a JSON patch is a list of operations')
  if (patch.length > JSON_PATCH_OPERATIONS_MAX) {
    const message = `The allowed maximum operations in a JSON patch is ${JSON_PATCH_OPERATIONS_MAX}, got ${patch.length}`
    throw new ApiError(413, 'RequestEntityTooLarge', message)
  }
  return patch.map((step, index) => {
    if (!isFields(step) || !operations.has(String(step.op)) || !isPointer(step.path))
      throw badRequest(`error decoding patch: operation ${index} needs op and path`)
    if ((step.op === 'move' || step.op === 'copy') && !isPointer(step.from))
      throw badRequest(`error decoding patch: operation ${index} needs from`)
    return step as unknown as Operation
  })
}

/** `__proto__` would reach the prototype instead of a field. */
const isPointer = (path: unknown): boolean =>
  typeof path === 'string' && /^(\/.*)?$/s.test(path) && !path.split('/').includes('__proto__')
