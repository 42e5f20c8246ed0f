/** Accept and Content-Type headers: which form of an answer, which kind of a body. Pure. */
import { ApiError } from '../store/api-error.ts'

export type Form = 'object' | 'table' | 'metadata' | 'discovery'

export interface Answer {
  readonly form: Form
  /** What the client asked for, to be sent back. */
  readonly contentType: string
}

const JSON_TYPE = 'application/json'

interface Range {
  readonly type: string
  readonly parameters: Readonly<Record<string, string>>
}

function parseRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim())
  return {
    type: type.toLowerCase(),
    parameters: Object.fromEntries(
      parameters.map((part) => part.split('=').map((side) => side.trim()) as [string, string]),
    ),
  }
}

const RANGES_MAX = 32

/** The first form in the Accept header that we speak. @throws ApiError NotAcceptable */
export function negotiate(accept: string | undefined, forms: readonly Form[]): Answer {
  const ranges = (accept || '*/*').split(',').slice(0, RANGES_MAX).map(parseRange)
  for (const range of ranges) {
    const answer = answerTo(range)
    if (answer !== undefined && forms.includes(answer.form)) return answer
  }
  throw notAcceptable()
}

export const notAcceptable = (): ApiError =>
  new ApiError(
    406,
    'NotAcceptable',
    'only the following media types are accepted: application/json. This cluster speaks no protobuf and no CBOR',
  )

function answerTo({ type, parameters }: Range): Answer | undefined {
  if (type === '*/*' || type === 'application/*') return { form: 'object', contentType: JSON_TYPE }
  if (type !== JSON_TYPE) return undefined
  const { as, g: group, v: version } = parameters
  if (as === undefined || as === '') return { form: 'object', contentType: JSON_TYPE }
  if (as === 'Table' && version === 'v1') return { form: 'table', contentType: JSON_TYPE }
  if (as.startsWith('PartialObjectMetadata') && version === 'v1')
    return { form: 'metadata', contentType: JSON_TYPE }
  // clients recognise the aggregated form by the parameters of the answer
  if (as === 'APIGroupDiscoveryList' && version === 'v2')
    return { form: 'discovery', contentType: `${JSON_TYPE};g=${group};v=${version};as=${as}` }
  return undefined
}

export type BodyKind = 'json' | 'yaml' | 'protobuf'

/** @throws ApiError UnsupportedMediaType */
export function bodyKind(contentType: string | undefined): BodyKind {
  const type = parseRange(contentType ?? '').type
  if (type === '' || type === JSON_TYPE || type === '*/*') return 'json'
  if (type === 'application/yaml') return 'yaml'
  if (type === 'application/vnd.kubernetes.protobuf') return 'protobuf'
  throw unsupportedBody([JSON_TYPE, 'application/yaml'])
}

export const patchTypes = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
} as const

export const everyPatchType: readonly string[] = Object.keys(patchTypes)

export type PatchKind = (typeof patchTypes)[keyof typeof patchTypes]

/** @throws ApiError UnsupportedMediaType */
export function patchKind(contentType: string | undefined): PatchKind {
  const type = parseRange(contentType ?? '').type
  if (Object.hasOwn(patchTypes, type)) return patchTypes[type as keyof typeof patchTypes]
  throw unsupportedBody(Object.keys(patchTypes))
}

const unsupportedBody = (accepted: readonly string[]): ApiError =>
  new ApiError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  )
