import assert from 'node:assert/strict'
import {
  type Assignment,
  assignmentDigest,
  CONTROL_FRAME_BYTES_MAX,
  memberMessageSchema,
  operatorMessageSchema,
  TENANTS_PER_MEMBER_MAX,
} from './control-api.ts'

const assignment: Assignment = {
  tenantUid: '3a7a4f0e-9f7d-4e0a-9d0e-0d7b3c1f2a11',
  shard: 0,
  epoch: 1,
  firstSlot: 0,
  lastSlot: 16_383,
  userName: 'cache.team-a',
  tenantId: 'k3v9x2m1q0',
  passwordHashes: ['0'.repeat(64)],
  memoryLimitBytes: 67_108_864,
  connectionsMax: 1000,
  databases: 16,
}

describe('control API', () => {
  it('gives equal assignments equal digests, whatever the order of their fields', () => {
    const reversed = Object.fromEntries(Object.entries(assignment).reverse()) as Assignment
    assert.equal(assignmentDigest(reversed), assignmentDigest(assignment))
  })

  it('gives every changed field another digest', () => {
    const changes: Partial<Assignment>[] = [
      { epoch: 2 },
      { passwordHashes: ['1'.repeat(64)] },
      { memoryLimitBytes: 1 },
      { connectionsMax: 1 },
      { databases: 1 },
    ]
    const digests = changes.map((change) => assignmentDigest({ ...assignment, ...change }))
    assert.equal(new Set([...digests, assignmentDigest(assignment)]).size, changes.length + 1)
  })

  it('refuses unknown kinds, unknown fields and passwords that are no hashes', () => {
    const frame = { kind: 'assign', requestId: 1, assignment }
    assert.ok(operatorMessageSchema.safeParse(frame).success)
    assert.ok(!operatorMessageSchema.safeParse({ ...frame, kind: 'obey' }).success)
    assert.ok(!operatorMessageSchema.safeParse({ ...frame, extra: 1 }).success)
    const plain = { ...frame, assignment: { ...assignment, passwordHashes: ['hunter2'] } }
    assert.ok(!operatorMessageSchema.safeParse(plain).success)
  })

  it('says hello for a full member within one frame', () => {
    const held = Array.from({ length: TENANTS_PER_MEMBER_MAX }, () => ({
      tenantUid: assignment.tenantUid,
      shard: 0,
      epoch: 1,
      digest: assignmentDigest(assignment),
    }))
    const hello = {
      kind: 'hello',
      protocolVersion: 1,
      member: 'default-0-1',
      podUid: assignment.tenantUid,
      volumeNonce: 'v',
      engine: { phase: 'running', bootNonce: 'b', progress: 1, restarts: 0 },
      held,
    }
    assert.ok(memberMessageSchema.safeParse(hello).success)
    assert.ok(JSON.stringify(hello).length < CONTROL_FRAME_BYTES_MAX)
  })
})
