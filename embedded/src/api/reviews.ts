/**
 * SelfSubjectAccessReview and SelfSubjectReview: answered at once, never stored. Whoever holds the
 * token may do everything here; fine-grained roles are a matter of real clusters.
 */
import { reviewKinds } from '../registry/built-in-kinds.ts'
import { isFields } from '../schema/schema.ts'
import { badRequest } from '../store/api-error.ts'
import type { Resource } from '../store/kube-object.ts'

export interface Caller {
  readonly user: string
  readonly groups: readonly string[]
}

export const isReview = (resource: Resource): boolean =>
  reviewKinds.some(
    (one) =>
      one.resource.plural === resource.plural &&
      one.resource.group === resource.group &&
      one.resource.version === resource.version,
  )

export function answerReview({ plural }: Resource, body: unknown, { user, groups }: Caller) {
  if (!isFields(body)) throw badRequest('the body of the request must be an object')
  const status =
    plural === 'selfsubjectaccessreviews'
      ? { allowed: true, reason: 'the token of the embedded cluster may do everything' }
      : { userInfo: { username: user, groups } }
  return { ...body, metadata: { creationTimestamp: null }, status }
}
