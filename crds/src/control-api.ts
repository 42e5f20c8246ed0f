/**
 * The control API: what the operator leader and a supervisor say to each other.
 *
 * One TLS connection (mTLS, port 16380), dialled by the operator. Each frame is a length of four
 * bytes, big-endian, and that many bytes of JSON. The member speaks first, with `hello`.
 *
 *   operator ─ beat, assign, retain, unassign ─────────────────────────────► supervisor
 *   operator ◄─ hello, beatAnswer, held, released, result, engine…, storage, usage ─ supervisor
 *
 * Assignments are level-based: each carries everything, and its digest tells whether the member
 * already holds it. What a member holds is `hello` and then every `held` and `released`, whoever
 * asked for them; a `result` only answers its request. The heartbeat will carry grants and challenges (AUTHORITY 6) when shards have
 * more than one copy; sole copies need none (AUTHORITY 5).
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { SLOT_COUNT } from './names.ts'
import { persistenceSchema } from './persistence.ts'
import { storageReportSchema } from './storage-report.ts'

export const CONTROL_FRAME_BYTES_MAX = 1 << 20
export const TENANTS_PER_MEMBER_MAX = 4096
export const BEAT_INTERVAL_MS = 500
/** A member or an engine that made no progress for so long is suspected (AUTHORITY, Words). */
export const SUSPICION_MS = 1500
export const USAGE_INTERVAL_MS = 10_000

const name = z.string().min(1).max(128)
/** Bounded so that a whole member's shards or usage fit into one frame. */
const tenantUid = z.string().min(1).max(64)
const count = z.int().min(0)

export const assignmentSchema = z.strictObject({
  tenantUid,
  shard: z.int().min(0).max(1023),
  epoch: z.int().min(1),
  firstSlot: z
    .int()
    .min(0)
    .max(SLOT_COUNT - 1),
  lastSlot: z
    .int()
    .min(0)
    .max(SLOT_COUNT - 1),
  /** `<name>.<namespace>`. */
  userName: name,
  /** The part of a generated password before the underscore. */
  tenantId: name,
  /** SHA-256 in lower-case hexadecimal. */
  passwordHashes: z
    .array(z.string().regex(/^[0-9a-f]{64}$/))
    .min(1)
    .max(4),
  memoryLimitBytes: count,
  connectionsMax: z.int().min(1),
  databases: z.int().min(1).max(16),
  persistence: persistenceSchema.prefault({}),
  /** False: the shard and its data stay, and no client gets in (deletionPolicy Retain). */
  served: z.boolean().default(true),
})
export type Assignment = z.output<typeof assignmentSchema>

/** What a member holds of one shard, short enough to list thousands of. */
export const heldShardSchema = z.strictObject({
  tenantUid,
  shard: z.int().min(0),
  epoch: z.int().min(1),
  digest: z.string().max(64),
  /** Kept with its data and closed to clients. */
  retained: z.boolean().default(false),
})
export type HeldShard = z.output<typeof heldShardSchema>

export const engineStateSchema = z.strictObject({
  /** `stalled`: the process lives and its event loop has made no progress for SUSPICION_MS. */
  phase: z.enum(['starting', 'running', 'stalled', 'restarting']),
  bootNonce: z.string().max(64),
  /** Grows while the event loop of the engine turns. */
  progress: count,
  restarts: count,
})
export type EngineState = z.output<typeof engineStateSchema>

export const tenantUsageSchema = z.strictObject({
  tenantUid,
  shard: z.int().min(0),
  memoryBytes: count,
  keys: count,
  connections: count,
})
export type TenantUsage = z.output<typeof tenantUsageSchema>

export const operatorMessageSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('beat'), sequence: count }),
  z.strictObject({ kind: z.literal('assign'), requestId: count, assignment: assignmentSchema }),
  /** Closes the shard to clients and keeps its data; a later assign opens it again. */
  z.strictObject({
    kind: z.literal('retain'),
    requestId: count,
    tenantUid,
    shard: z.int().min(0),
    epoch: z.int().min(1),
  }),
  /** Gives up the shard for good at this epoch: the member persists epoch + 1 (AUTHORITY 23). */
  z.strictObject({
    kind: z.literal('unassign'),
    requestId: count,
    tenantUid,
    shard: z.int().min(0),
    epoch: z.int().min(1),
  }),
])
export type OperatorMessage = z.output<typeof operatorMessageSchema>

/**
 * Why a member refused. StaleEpoch: it has seen a higher epoch of that shard (AUTHORITY 3).
 * EngineFailed: the assignment is durable but the engine did not apply it in time; it will with
 * its next start.
 */
export const refusalCodes = [
  'StaleEpoch',
  'TooManyTenants',
  'StorageFailed',
  'EngineFailed',
] as const
export type RefusalCode = (typeof refusalCodes)[number]

export const refusalSchema = z.strictObject({
  code: z.enum(refusalCodes),
  message: z.string().max(512),
  /** With StaleEpoch: the lowest epoch that the member would accept. */
  epochMin: z.int().min(1).optional(),
})
export type Refusal = z.output<typeof refusalSchema>

export const memberMessageSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('hello'),
    protocolVersion: z.literal(1),
    member: name,
    podUid: name,
    volumeNonce: name,
    engine: engineStateSchema,
    held: z.array(heldShardSchema).max(TENANTS_PER_MEMBER_MAX),
  }),
  z.strictObject({ kind: z.literal('beatAnswer'), sequence: count, engine: engineStateSchema }),
  z.strictObject({
    kind: z.literal('result'),
    requestId: count,
    /** null: done. */
    refusal: refusalSchema.nullable(),
  }),
  z.strictObject({ kind: z.literal('held'), shard: heldShardSchema }),
  z.strictObject({ kind: z.literal('released'), tenantUid, shard: z.int().min(0) }),
  z.strictObject({ kind: z.literal('engineStarted'), engine: engineStateSchema }),
  z.strictObject({
    kind: z.literal('engineExited'),
    bootNonce: z.string().max(64),
    exitCode: z.int().nullable(),
    signal: z.string().max(16).nullable(),
  }),
  /** After hello, and whenever it changes; while shards load at most once a second. */
  z.strictObject({ kind: z.literal('storage'), report: storageReportSchema }),
  z.strictObject({
    kind: z.literal('usage'),
    tenants: z.array(tenantUsageSchema).max(TENANTS_PER_MEMBER_MAX),
  }),
])
export type MemberMessage = z.output<typeof memberMessageSchema>

/** The key of a shard in maps: `<tenant UID>/<shard>`. */
export const shardKey = ({ tenantUid, shard }: { tenantUid: string; shard: number }): string =>
  `${tenantUid}/${shard}`

/**
 * The digest of an assignment: SHA-256 over its fields in the order of the schema and those of its
 * parts in the order of their names, 32 hexadecimal digits.
 */
export function assignmentDigest(assignment: Assignment): string {
  const fields = Object.keys(assignmentSchema.shape) as (keyof Assignment)[]
  const text = JSON.stringify(
    fields.map((field) => assignment[field]),
    (_, value: unknown) => (isRecord(value) ? Object.entries(value).sort(byName) : value),
  )
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1)
