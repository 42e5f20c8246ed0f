import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import {
  type Assignment,
  assignmentDigest,
  CONTROL_FRAME_BYTES_MAX,
  type MemberMessage,
  SUSPICION_MS,
  TENANTS_PER_MEMBER_MAX,
} from './control-api.ts'
import {
  encodeFrame,
  FrameDecoder,
  FrameError,
  type FrameErrorCode,
  parseMemberMessage,
  parseOperatorMessage,
} from './control-frames.ts'
import { defaultPersistence } from './persistence.ts'

const beat = { kind: 'beat', sequence: 7 } as const
const engine = { phase: 'running', bootNonce: 'b', progress: 1, restarts: 0 } as const
const header = (length: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  return bytes
}
const fails = (code: FrameErrorCode) => (error: unknown) =>
  error instanceof FrameError && error.code === code

describe('control frames', () => {
  it('decodes the same messages however the bytes are cut', () => {
    const sent = Array.from({ length: 20 }, (_, sequence) => ({ ...beat, sequence }))
    const wire = Buffer.concat(sent.map(encodeFrame))
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 40 }), (cuts) => {
        const decoder = new FrameDecoder()
        const got: unknown[] = []
        let at = 0
        for (const cut of [...cuts, wire.length]) {
          for (const body of decoder.push(wire.subarray(at, at + cut))) {
            got.push(parseOperatorMessage(body))
          }
          at += cut
        }
        assert.deepEqual(got, sent)
      }),
    )
  })

  it('decodes byte by byte', () => {
    const decoder = new FrameDecoder()
    const bodies = [...encodeFrame(beat)].flatMap((byte) => [...decoder.push(Buffer.of(byte))])
    assert.deepEqual(bodies.map(parseOperatorMessage), [beat])
  })

  it('hands out what came before a bad header', () => {
    const bytes = Buffer.concat([encodeFrame(beat), header(CONTROL_FRAME_BYTES_MAX + 1)])
    const frames = new FrameDecoder().push(bytes)
    assert.deepEqual(parseOperatorMessage(frames.next().value as Buffer), beat)
    assert.throws(() => frames.next(), fails('OversizedFrame'))
  })

  it('takes a frame of exactly the limit and refuses an empty one', () => {
    const body = Buffer.alloc(CONTROL_FRAME_BYTES_MAX, 'x')
    const [got] = new FrameDecoder().push(Buffer.concat([header(body.length), body]))
    assert.deepEqual(got, body)
    assert.throws(() => [...new FrameDecoder().push(header(0))], fails('EmptyFrame'))
  })

  const hostile: readonly [title: string, body: string, code: FrameErrorCode][] = [
    ['garbage', '\u0000\u0001{{{', 'NotJson'],
    ['a deep nesting', '['.repeat(500_000), 'NotJson'],
    ['a closed deep nesting', '['.repeat(200_000) + ']'.repeat(200_000), 'UnknownMessage'],
    ['a wrong type', '{"kind":"beat","sequence":"1"}', 'UnknownMessage'],
    ['an unknown kind', '{"kind":"format"}', 'UnknownMessage'],
    ['an unknown field', '{"kind":"beat","sequence":1,"x":1}', 'UnknownMessage'],
    ['a prototype', '{"__proto__":{"kind":"beat"},"sequence":1}', 'UnknownMessage'],
    ['null', 'null', 'UnknownMessage'],
  ]
  for (const [title, body, code] of hostile) {
    it(`refuses ${title}`, () => {
      assert.throws(() => parseOperatorMessage(Buffer.from(body)), fails(code))
      assert.throws(() => parseMemberMessage(Buffer.from(body)), fails(code))
    })
  }

  it('fails only as a broken protocol, whatever bytes come', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 12 })), (chunks) => {
        const decoder = new FrameDecoder()
        try {
          for (const chunk of chunks) {
            for (const body of decoder.push(Buffer.concat([header(chunk.length), chunk]))) {
              parseOperatorMessage(body)
            }
          }
        } catch (error) {
          assert.ok(error instanceof FrameError, String(error))
        }
      }),
    )
  })

  it('never repeats in an error what the peer sent', () => {
    const secret = 'f'.repeat(64)
    const body = Buffer.from(JSON.stringify({ kind: 'assign', [secret]: secret }))
    assert.throws(
      () => parseOperatorMessage(body),
      (error: Error) => !error.message.includes(secret),
    )
  })

  it('fits a full member into one hello and one usage, with the longest names', () => {
    const tenantUid = 'u'.repeat(64)
    const held = {
      tenantUid,
      shard: 1023,
      epoch: 999_999_999,
      digest: 'd'.repeat(32),
      retained: false,
    }
    const usage = { tenantUid, shard: 1023, memoryBytes: 2 ** 40, keys: 2 ** 40, connections: 1e6 }
    const messages: MemberMessage[] = [
      {
        kind: 'hello',
        protocolVersion: 1,
        member: 'm',
        podUid: 'p',
        volumeNonce: 'v',
        engine,
        held: Array.from({ length: TENANTS_PER_MEMBER_MAX }, () => held),
      },
      { kind: 'usage', tenants: Array.from({ length: TENANTS_PER_MEMBER_MAX }, () => usage) },
    ]
    for (const message of messages) {
      const [body] = new FrameDecoder().push(encodeFrame(message))
      assert.equal(parseMemberMessage(body as Buffer).kind, message.kind)
    }
  })
})

describe('the digest of an assignment', () => {
  const assignment: Assignment = {
    tenantUid: 'u',
    shard: 0,
    epoch: 1,
    firstSlot: 0,
    lastSlot: 16_383,
    userName: 'a.b',
    tenantId: 't',
    passwordHashes: ['0'.repeat(64)],
    memoryLimitBytes: 1,
    connectionsMax: 1,
    databases: 16,
    persistence: defaultPersistence,
    served: true,
  }

  it('does not depend on the order of fields', () => {
    const reversed = Object.fromEntries(Object.entries(assignment).reverse()) as Assignment
    assert.equal(assignmentDigest(reversed), assignmentDigest(assignment))
  })

  it('changes with every field', () => {
    const others = Object.keys(assignment).map((field) =>
      assignmentDigest({ ...assignment, [field]: 'other' }),
    )
    assert.equal(new Set([...others, assignmentDigest(assignment)]).size, 14)
  })

  it('counts suspicion in whole beats', () => assert.equal(SUSPICION_MS % 500, 0))
})
