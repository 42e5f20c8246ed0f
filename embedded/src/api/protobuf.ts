/**
 * Kubernetes protobuf to JSON, for the few kinds that `kubectl create` and `kubectl auth` send that
 * way: namespaces, secrets, configmaps, service accounts, reviews, delete options. Answers are JSON.
 *
 *   'k8s\0'  Unknown { 1: TypeMeta { 1: apiVersion, 2: kind }, 2: raw }
 *
 * Field numbers are those of the generated.proto files of k8s.io/api and k8s.io/apimachinery.
 */
import type { Fields } from '../schema/schema.ts'
import { ApiError, badRequest } from '../store/api-error.ts'

type Message = Readonly<Record<number, FieldShape>>
type Scalar = 'string' | 'bytes' | 'bool' | 'int'
interface FieldShape {
  readonly name: string
  readonly type: Scalar | Message | { readonly mapOf: 'string' | 'bytes' } | 'ignored'
  readonly isList?: boolean
}

const one = (name: string, type: FieldShape['type'] = 'string'): FieldShape => ({ name, type })
const list = (name: string, type: FieldShape['type'] = 'string'): FieldShape => ({
  name,
  type,
  isList: true,
})
const map = (name: string, mapOf: 'string' | 'bytes' = 'string'): FieldShape => ({
  name,
  type: { mapOf },
})

const ownerReference: Message = {
  1: one('kind'),
  3: one('name'),
  4: one('uid'),
  5: one('apiVersion'),
  6: one('controller', 'bool'),
  7: one('blockOwnerDeletion', 'bool'),
}

const objectMeta: Message = {
  1: one('name'),
  2: one('generateName'),
  3: one('namespace'),
  4: one('selfLink', 'ignored'),
  5: one('uid'),
  6: one('resourceVersion'),
  7: one('generation', 'ignored'),
  8: one('creationTimestamp', 'ignored'),
  11: map('labels'),
  12: map('annotations'),
  13: list('ownerReferences', ownerReference),
  14: list('finalizers'),
}

const metadata = one('metadata', objectMeta)
const status = one('status', 'ignored')

const messages: Readonly<Record<string, Message>> = {
  'v1/Namespace': { 1: metadata, 2: one('spec', 'ignored'), 3: status },
  'v1/Secret': {
    1: metadata,
    2: map('data', 'bytes'),
    3: one('type'),
    4: map('stringData'),
    5: one('immutable', 'bool'),
  },
  'v1/ConfigMap': {
    1: metadata,
    2: map('data'),
    3: map('binaryData', 'bytes'),
    4: one('immutable', 'bool'),
  },
  'v1/ServiceAccount': {
    1: metadata,
    3: list('imagePullSecrets', { 1: one('name') }),
    4: one('automountServiceAccountToken', 'bool'),
  },
  'v1/DeleteOptions': {
    1: one('gracePeriodSeconds', 'int'),
    2: one('preconditions', { 1: one('uid'), 2: one('resourceVersion') }),
    4: one('propagationPolicy'),
    5: list('dryRun'),
  },
  'authentication.k8s.io/v1/SelfSubjectReview': { 1: metadata, 2: status },
  'authorization.k8s.io/v1/SelfSubjectAccessReview': {
    1: metadata,
    2: one('spec', {
      1: one('resourceAttributes', {
        1: one('namespace'),
        2: one('verb'),
        3: one('group'),
        4: one('version'),
        5: one('resource'),
        6: one('subresource'),
        7: one('name'),
      }),
      2: one('nonResourceAttributes', { 1: one('path'), 2: one('verb') }),
    }),
    3: status,
  },
}

const envelope: Message = {
  1: one('typeMeta', { 1: one('apiVersion'), 2: one('kind') }),
  2: one('raw', 'bytes'),
  3: one('contentEncoding'),
  4: one('contentType'),
}

const MAGIC = Buffer.from('k8s\0')

/** @throws ApiError 400 for bytes that are no message, 415 for a kind that we read as JSON only */
export function parseProtobufBody(bytes: Buffer): Fields {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw badRequest('the body of the request is not Kubernetes protobuf')
  const { typeMeta = {}, raw = '' } = readMessage(bytes.subarray(MAGIC.length), envelope)
  const { apiVersion, kind } = typeMeta as Fields
  const message = messages[`${String(apiVersion)}/${String(kind)}`]
  if (message === undefined) throw jsonOnly(`${String(apiVersion)} ${String(kind)}`)
  return { apiVersion, kind, ...readMessage(Buffer.from(String(raw), 'base64'), message) }
}

const jsonOnly = (what: string): ApiError =>
  new ApiError(
    415,
    'UnsupportedMediaType',
    `the embedded cluster reads ${what} as application/json or application/yaml only: use kubectl apply -f`,
  )

const malformed = (): ApiError => badRequest('the body of the request is malformed protobuf')

interface Cursor {
  readonly bytes: Buffer
  at: number
}

const VARINT_BYTES_MAX = 10

function readVarint(cursor: Cursor): bigint {
  let value = 0n
  for (let i = 0; i < VARINT_BYTES_MAX; i += 1) {
    const byte = cursor.bytes[cursor.at]
    if (byte === undefined) throw malformed()
    cursor.at += 1
    value |= BigInt(byte & 0x7f) << BigInt(7 * i)
    if (byte < 0x80) return BigInt.asIntN(64, value)
  }
  throw malformed()
}

function readBytes(cursor: Cursor): Buffer {
  const length = Number(readVarint(cursor))
  const end = cursor.at + length
  if (length < 0 || end > cursor.bytes.length) throw malformed()
  const part = cursor.bytes.subarray(cursor.at, end)
  cursor.at = end
  return part
}

/** Go writes empty strings and messages too; JSON leaves them out. */
function readMessage(bytes: Buffer, message: Message): Fields {
  const fields: Fields = {}
  const cursor = { bytes, at: 0 }
  while (cursor.at < bytes.length) {
    const tag = Number(readVarint(cursor))
    const shape = message[tag >> 3]
    const isVarint = (tag & 7) === 0
    if (!isVarint && (tag & 7) !== 2) throw malformed()
    const content = isVarint ? readVarint(cursor) : readBytes(cursor)
    if (shape === undefined) throw jsonOnly(`field ${tag >> 3} of this kind`)
    store(fields, shape, content)
  }
  return fields
}

function store(fields: Fields, { name, type, isList }: FieldShape, content: bigint | Buffer): void {
  if (type === 'ignored') return
  if (typeof type === 'object' && 'mapOf' in type) {
    const present = (fields[name] ?? {}) as Fields
    fields[name] = { ...present, ...readEntry(content, type.mapOf) }
    return
  }
  const value = typeof type === 'object' ? nested(content, type) : scalar(content, type as Scalar)
  if (isList === true) fields[name] = [...((fields[name] ?? []) as unknown[]), value]
  else if (value !== undefined && value !== '') fields[name] = value
}

function nested(content: bigint | Buffer, message: Message): Fields | undefined {
  if (typeof content === 'bigint') throw malformed()
  const fields = readMessage(content, message)
  return Object.keys(fields).length === 0 ? undefined : fields
}

function readEntry(content: bigint | Buffer, mapOf: 'string' | 'bytes'): Fields {
  if (typeof content === 'bigint') throw malformed()
  const { key = '', value = '' } = readMessage(content, { 1: one('key'), 2: one('value', mapOf) })
  if (key === '__proto__') throw badRequest('"__proto__" is no field name')
  return { [String(key)]: value }
}

/** Bytes as base64, as in JSON. */
function scalar(content: bigint | Buffer, type: Scalar): unknown {
  if (type === 'bool' || type === 'int') {
    if (typeof content !== 'bigint') throw malformed()
    return type === 'bool' ? content !== 0n : Number(content)
  }
  if (typeof content === 'bigint') throw malformed()
  return type === 'bytes' ? content.toString('base64') : decodeUtf8(content)
}

function decodeUtf8(bytes: Buffer): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (!text.includes('\0')) return text
  } catch {
    // answered below
  }
  throw badRequest('the body of the request contains text that is not valid UTF-8, or a null byte')
}
