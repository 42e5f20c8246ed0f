/** What the supervisor and its engine say to each other over the IPC channel. Level-based too. */
import { assignmentSchema, storageReportSchema, tenantUsageSchema } from '@miniredis/crds'
import { z } from 'zod'

const count = z.int().min(0)

export const supervisorMessageSchema = z.discriminatedUnion('kind', [
  /** The first message: who this incarnation is, where to listen and what to serve. */
  z.strictObject({
    kind: z.literal('start'),
    bootNonce: z.string(),
    host: z.string(),
    port: z.int().min(0).max(65_535),
    /** The volume, where log and snapshots live beside the supervisor's journal. */
    dataDirectory: z.string(),
    assignments: z.array(assignmentSchema),
  }),
  z.strictObject({ kind: z.literal('assign'), requestId: count, assignment: assignmentSchema }),
  z.strictObject({
    kind: z.literal('unassign'),
    requestId: count,
    tenantUid: z.string(),
    shard: count,
  }),
  z.strictObject({ kind: z.literal('ping') }),
  z.strictObject({ kind: z.literal('stop') }),
])
export type SupervisorMessage = z.output<typeof supervisorMessageSchema>

export const engineMessageSchema = z.discriminatedUnion('kind', [
  /** Serves everything that `start` named. */
  z.strictObject({ kind: z.literal('ready'), port: z.int() }),
  /** The answer to a ping; `progress` grows while the event loop turns. */
  z.strictObject({ kind: z.literal('pong'), progress: count }),
  /** `failure` null: done. */
  z.strictObject({
    kind: z.literal('applied'),
    requestId: count,
    failure: z.string().nullable(),
  }),
  /**
   * Loading, damage, and whether the log can be written: everything, each time it changes, and at
   * most once a second while shards load. Until an engine said something it is taken for healthy, so
   * what loads or is damaged from the start is told before `ready`.
   */
  z.strictObject({ kind: z.literal('storage'), report: storageReportSchema }),
  z.strictObject({ kind: z.literal('usage'), tenants: z.array(tenantUsageSchema) }),
])
export type EngineMessage = z.output<typeof engineMessageSchema>
