/** How a tenant's keys are kept: the words that manifests, assignments and the engine share. */
import { z } from 'zod'
import { text } from './rule.ts'

export const persistenceModes = ['None', 'Snapshot', 'Log', 'Both'] as const
export type PersistenceMode = (typeof persistenceModes)[number]

export const fsyncPolicies = ['Always', 'EverySecond', 'No'] as const
export type FsyncPolicy = (typeof fsyncPolicies)[number]

/** After so many seconds with at least so many changes, as `save` in redis.conf. */
export type SaveRule = readonly [seconds: number, changes: number]

export const SAVE_RULES_MAX = 8
export const defaultSaveRules = ['3600 1', '300 100', '60 10000'] as const

const saveRule = text(
  '^[1-9][0-9]{0,6} [1-9][0-9]{0,8}$',
  17,
  "must be seconds and changes, for example '300 100'",
)

/** `300 100` → [300, 100]. The text has passed the schema. */
export function parseSaveRule(rule: string): [number, number] {
  const [seconds = '', changes = ''] = rule.split(' ')
  return [Number.parseInt(seconds, 10), Number.parseInt(changes, 10)]
}

/** `persistence` of a TenantNode. */
export const persistenceSpecSchema = z
  .object({
    mode: z.enum(persistenceModes).default('Both').meta({
      description:
        'What is kept on the volume: snapshots, a log of every change, both, or nothing at all.',
    }),
    save: z
      .array(saveRule)
      .max(SAVE_RULES_MAX)
      .default([...defaultSaveRules])
      .meta({
        description:
          'When a snapshot is written: after so many seconds with so many changes, as in redis.conf.',
      }),
    fsync: z.enum(fsyncPolicies).default('EverySecond').meta({
      description:
        "When the log reaches the disk: before each reply, once a second, or as the system likes ('No', in quotes, since YAML takes a bare No for false).",
    }),
  })
  .meta({ description: 'How the keys survive a restart.' })

/** `persistence` of an assignment. Without it, as in journals of the first version: the defaults. */
export const persistenceSchema = z.strictObject({
  mode: z.enum(persistenceModes).default('Both'),
  fsync: z.enum(fsyncPolicies).default('EverySecond'),
  saveRules: z
    .array(z.tuple([z.int().min(1), z.int().min(1)]))
    .max(SAVE_RULES_MAX)
    .default(() => defaultSaveRules.map(parseSaveRule)),
})
export type Persistence = z.output<typeof persistenceSchema>

export const keepsLog = ({ mode }: Pick<Persistence, 'mode'>): boolean =>
  mode === 'Log' || mode === 'Both'
export const keepsSnapshots = ({ mode }: Pick<Persistence, 'mode'>): boolean =>
  mode === 'Snapshot' || mode === 'Both'

/** What a manifest that says nothing about persistence gets. */
export const defaultPersistence: Persistence = persistenceSchema.parse({})
