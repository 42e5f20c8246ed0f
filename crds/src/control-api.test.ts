import assert from 'node:assert/strict'
import {
  type Assignment,
  assignmentDigest,
  assignmentSchema,
  CONTROL_FRAME_BYTES_MAX,
  memberMessageSchema,
  operatorMessageSchema,
  TENANTS_PER_MEMBER_MAX,
} from './control-api.ts'
import { DAMAGED_SHARDS_MAX } from './storage-report.ts'

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
  persistence: { mode: 'Both', fsync: 'EverySecond', saveRules: [[300, 100]] },
  served: true,
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
      { served: false },
      { persistence: { ...assignment.persistence, fsync: 'Always' } },
      { persistence: { ...assignment.persistence, saveRules: [[300, 101]] } },
    ]
    const digests = changes.map((change) => assignmentDigest({ ...assignment, ...change }))
    assert.equal(new Set([...digests, assignmentDigest(assignment)]).size, changes.length + 1)
  })

  it('gives the parts of an assignment in any order the same digest', () => {
    const { mode, fsync, saveRules } = assignment.persistence
    const turned = { ...assignment, persistence: { saveRules, fsync, mode } }
    assert.equal(assignmentDigest(turned), assignmentDigest(assignment))
  })

  it('reads assignments from before persistence with its defaults, and serves them', () => {
    const { persistence: _, served: __, ...old } = assignment
    const read = assignmentSchema.parse(old)
    assert.deepEqual(read.persistence, {
      mode: 'Both',
      fsync: 'EverySecond',
      saveRules: [
        [3600, 1],
        [300, 100],
        [60, 10_000],
      ],
    })
    assert.equal(read.served, true)
  })

  it('reports the storage of a full member within one frame', () => {
    const { tenantUid } = assignment
    const report = {
      volume: { state: 'Failed', file: 'f'.repeat(255), message: 'm'.repeat(512) },
      loading: Array.from({ length: TENANTS_PER_MEMBER_MAX }, () => ({
        tenantUid,
        shard: 1023,
        percent: 100,
      })),
      damaged: Array.from({ length: DAMAGED_SHARDS_MAX }, () => ({
        tenantUid,
        shard: 1023,
        file: 'f'.repeat(255),
        offset: Number.MAX_SAFE_INTEGER,
        message: 'm'.repeat(512),
      })),
    }
    const message = { kind: 'storage', report }
    assert.ok(memberMessageSchema.safeParse(message).success)
    assert.ok(JSON.stringify(message).length < CONTROL_FRAME_BYTES_MAX)
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
      retained: false,
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
