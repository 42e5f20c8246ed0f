import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ApiError } from '../store/api-error.ts'
import { parseProtobufBody } from './protobuf.ts'

const field = (number: number, content: string | Buffer): Buffer => {
  const bytes = Buffer.from(content)
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest >>= 7) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}

const message = (...fields: Buffer[]): Buffer => Buffer.concat(fields)

const wrap = (apiVersion: string, kind: string, raw: Buffer): Buffer =>
  message(
    Buffer.from('k8s\0'),
    field(1, message(field(1, apiVersion), field(2, kind))),
    field(2, raw),
    field(3, ''),
    field(4, ''),
  )

const secret = message(
  field(1, message(field(1, 's'), field(2, ''), field(3, 'default'), field(8, ''))),
  field(2, message(field(1, 'k'), field(2, 'v'))),
  field(3, 'Opaque'),
  Buffer.from([5 << 3, 1]),
)

describe('Kubernetes protobuf', () => {
  it('becomes JSON', () => {
    assert.deepEqual(parseProtobufBody(wrap('v1', 'Secret', secret)), {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
      data: { k: 'dg==' },
      type: 'Opaque',
      immutable: true,
    })
  })

  it('is refused with a hint for kinds that we read as JSON only', () => {
    const run = () => parseProtobufBody(wrap('v1', 'Pod', Buffer.alloc(0)))
    assert.throws(run, /reads v1 Pod as application\/json .*use kubectl apply -f/)
  })

  it('never fails with anything but a Status, whatever the bytes', () => {
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 64 }).map((bytes) => wrap('v1', 'Secret', Buffer.from(bytes))),
      fc.tuple(fc.nat(secret.length - 1), fc.nat(255)).map(([at, byte]) => {
        const damaged = Buffer.from(secret)
        damaged[at] = byte
        return wrap('v1', 'Secret', damaged)
      }),
      fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    )
    fc.assert(
      fc.property(bodies, (body) => {
        try {
          parseProtobufBody(body)
        } catch (error) {
          assert.ok(error instanceof ApiError, String(error))
        }
      }),
    )
  })
})
