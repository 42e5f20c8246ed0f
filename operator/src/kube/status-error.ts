/** From what the API server answers to the error that says how to react. Pure. */
import { z } from 'zod'
import { KubeError, type KubeErrorCode } from './errors.ts'

const statusSchema = z.looseObject({
  kind: z.literal('Status'),
  code: z.int().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
  details: z
    .looseObject({ name: z.string().optional(), retryAfterSeconds: z.number().optional() })
    .optional(),
})
export type ApiStatus = z.output<typeof statusSchema>

const MESSAGE_CHARACTERS_MAX = 500

/** @returns undefined when the text is no Status object */
export function parseStatus(body: string): ApiStatus | undefined {
  try {
    return statusSchema.safeParse(JSON.parse(body)).data
  } catch {
    return undefined
  }
}

export interface FailedAnswer {
  /** HTTP status, or the code of a Status that came as an event. */
  readonly status: number
  readonly body: ApiStatus | string
  readonly retryAfter?: string | undefined
  /** What was asked, for the message. */
  readonly request: string
}

export function statusError({ status, body, retryAfter, request }: FailedAnswer): KubeError {
  const parsed = typeof body === 'string' ? undefined : body
  const said = (parsed?.message ?? String(body)).slice(0, MESSAGE_CHARACTERS_MAX).trim()
  const retryAfterMs = retryAfterMsOf(retryAfter, parsed)
  return new KubeError(codeOf(status, parsed), `${request}: ${said || `HTTP ${status}`}`, {
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
}

/**
 * 404 means two things. An object that does not exist is named in the details of the Status; a kind
 * that is not served gets plain text, or a Status that names nothing.
 */
function codeOf(status: number, parsed: ApiStatus | undefined): KubeErrorCode {
  if (status === 404) return parsed?.details?.name ? 'NotFound' : 'UnknownResource'
  if (status === 409) return parsed?.reason === 'AlreadyExists' ? 'AlreadyExists' : 'Conflict'
  if (status === 410) return 'Gone'
  if (status === 401) return 'Unauthorized'
  if (status === 403) return 'Forbidden'
  if (status === 429) return 'TooManyRequests'
  if (status === 408 || status === 504) return 'Timeout'
  if (isUntypedApply(parsed)) return 'Invalid'
  if (status >= 500 && status !== 501) return 'Unavailable'
  return status >= 400 ? 'Invalid' : 'Malformed'
}

/** Server-side apply of an unknown or mistyped field comes as 500, although it is the object's fault. */
const isUntypedApply = (parsed: ApiStatus | undefined): boolean =>
  parsed?.message?.includes('failed to create typed patch object') ?? false

function retryAfterMsOf(header: string | undefined, parsed: ApiStatus | undefined) {
  const seconds = Number(header ?? parsed?.details?.retryAfterSeconds ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
}
