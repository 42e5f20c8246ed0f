/** What can go wrong between the operator and the API server, one code per way to react. */
import { OperatingError } from '../control/outcome.ts'

export const kubeErrorCodes = {
  /** The object, or the namespace or owner that it needs, does not exist. */
  NotFound: 'NotFound',
  /** The API does not serve that kind: its CRD is missing. Says nothing about any object. */
  UnknownResource: 'UnknownResource',
  /** Somebody else wrote meanwhile, or a precondition does not hold: look again. */
  Conflict: 'Conflict',
  AlreadyExists: 'AlreadyExists',
  /** The resource version or continue token is too old: list again. */
  Gone: 'Gone',
  Unauthorized: 'Unauthorized',
  Forbidden: 'Forbidden',
  /** The object breaks its schema or a rule: trying again changes nothing. */
  Invalid: 'Invalid',
  TooManyRequests: 'TooManyRequests',
  /** No answer: refused, reset, 5xx. The request may or may not have been carried out. */
  Unavailable: 'Unavailable',
  /** No answer within the deadline. The request may or may not have been carried out. */
  Timeout: 'Timeout',
  /** An answer that is not what a Kubernetes API says. */
  Malformed: 'Malformed',
  /** This process does not lead (any more), so it writes nothing. */
  NotLeader: 'NotLeader',
} as const

export type KubeErrorCode = keyof typeof kubeErrorCodes

export interface KubeErrorDetails extends ErrorOptions {
  /** HTTP status, when there was an answer. */
  readonly status?: number
  /** What the server asked for in Retry-After. */
  readonly retryAfterMs?: number
}

export class KubeError extends OperatingError {
  declare readonly code: KubeErrorCode
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined

  constructor(code: KubeErrorCode, message: string, details: KubeErrorDetails = {}) {
    super(code, message, details)
    this.status = details.status
    this.retryAfterMs = details.retryAfterMs
  }
}

export const isKubeError = (error: unknown, ...codes: readonly KubeErrorCode[]): boolean =>
  error instanceof KubeError && (codes.length === 0 || codes.includes(error.code))
