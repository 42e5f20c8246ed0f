/** Errors of the API: a Kubernetes Status object that can be thrown. Codes and reasons as in apimachinery. */
import { type Resource, resourceName } from './kube-object.ts'

export interface StatusCause {
  readonly reason: string
  readonly message: string
  readonly field?: string
}

export interface StatusDetails {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly StatusCause[]
  readonly retryAfterSeconds?: number
}

export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: Record<never, never>
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: StatusDetails
  readonly code: number
}

export class ApiError extends Error {
  readonly status: Status
  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message)
    this.name = 'ApiError'
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      ...(reason !== '' && { reason }),
      ...(details !== undefined && { details }),
      code,
    }
  }

  get code(): number {
    return this.status.code
  }

  get reason(): string {
    return this.status.reason ?? ''
  }
}

export const isApiError = (error: unknown, reason: string): error is ApiError =>
  error instanceof ApiError && error.reason === reason

const detailsOf = (resource: Resource, name: string, more?: Partial<StatusDetails>) => ({
  name,
  ...(resource.group !== '' && { group: resource.group }),
  kind: resource.plural,
  ...more,
})

export const notFound = (resource: Resource, name: string): ApiError =>
  new ApiError(
    404,
    'NotFound',
    `${resourceName(resource)} "${name}" not found`,
    detailsOf(resource, name),
  )

export const alreadyExists = (resource: Resource, name: string): ApiError =>
  new ApiError(
    409,
    'AlreadyExists',
    `${resourceName(resource)} "${name}" already exists`,
    detailsOf(resource, name),
  )

export const conflict = (resource: Resource, name: string, why: string): ApiError =>
  new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${resourceName(resource)} "${name}": ${why}`,
    detailsOf(resource, name),
  )

export const STALE_WRITE =
  'the object has been modified; please apply your changes to the latest version and try again'

export const badRequest = (message: string): ApiError => new ApiError(400, 'BadRequest', message)

export const forbidden = (resource: Resource, name: string, why: string): ApiError =>
  new ApiError(
    403,
    'Forbidden',
    `${resourceName(resource)} "${name}" is forbidden: ${why}`,
    detailsOf(resource, name),
  )

/** 410: the history that the caller asks for is gone; list again. */
export const expired = (message: string): ApiError => new ApiError(410, 'Expired', message)

export const methodNotAllowed = (resource: Resource, verb: string): ApiError =>
  new ApiError(
    405,
    'MethodNotAllowed',
    `${verb} is not supported on resources of kind "${resourceName(resource)}"`,
    { ...(resource.group !== '' && { group: resource.group }), kind: resource.plural },
  )

/** 422 with one cause per field. `kind` is the object's kind, as kubectl prints it. */
export function invalid(
  group: string,
  kind: string,
  name: string,
  causes: readonly StatusCause[],
): ApiError {
  const texts = causes.map(({ field, message }) => (field ? `${field}: ${message}` : message))
  const joined = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`
  const fullKind = group === '' ? kind : `${kind}.${group}`
  return new ApiError(422, 'Invalid', `${fullKind} "${name}" is invalid: ${joined}`, {
    ...(name !== '' && { name }),
    ...(group !== '' && { group }),
    kind,
    causes,
  })
}

/** What is wrong with the options of a request: 'ListOptions', 'PatchOptions' and so on. */
export const invalidOptions = (kind: string, causes: readonly StatusCause[]): ApiError =>
  invalid('meta.k8s.io', kind, '', causes)
