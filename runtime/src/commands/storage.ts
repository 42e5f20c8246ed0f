/**
 * Commands about keeping the data: BGSAVE, SAVE, LASTSAVE, BGREWRITEAOF.
 *
 * A snapshot is written in slices while other commands run, so SAVE and BGSAVE are the same work;
 * SAVE's caller, and nobody else, waits for its end.
 */
import type { Args } from '../protocol/args.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { Durability } from '../tenancy/durability.ts'
import type { Tenant } from '../tenancy/tenant.ts'
import type { CommandSpec } from './command.ts'
import { SYNTAX_ERROR } from './dispatch.ts'

/** What INFO persistence tells of a tenant. */
export interface PersistenceFacts {
  readonly isLoading: boolean
  /** Of the bytes to load; meaningful while loading. */
  readonly loadedPercent: number
  readonly changesSinceSave: number
  readonly isSaving: boolean
  /** Unix time in seconds of the last snapshot, of the process' start before the first. */
  readonly lastSaveSeconds: number
  readonly wasLastSaveGood: boolean
  readonly savesSinceStart: number
  readonly hasLog: boolean
  readonly isLogGood: boolean
  /** Bytes of the log of the whole process. */
  readonly logBytes: number
}

/** What commands ask of whoever keeps the data. */
export interface StorageCommands {
  persistenceOf(tenant: Tenant): PersistenceFacts
  /** Begins a snapshot. The error, or undefined. */
  save(tenant: Tenant): string | undefined
  /** Resolves with whether a snapshot of this moment or later is on the disk. */
  saveNow(tenant: Tenant): Promise<boolean>
  /** Settings as CONFIG GET names them: save, appendonly, appendfsync, dir, dbfilename. */
  settings(tenant: Tenant): ReadonlyMap<string, string>
  /** CONFIG SET of one of those: the error, or undefined. */
  configure(tenant: Tenant, name: string, value: string): string | undefined
}

export const IN_PROGRESS = 'ERR Background save already in progress'
const MANAGED = 'ERR this database runs as long as its TenantNode wants it to'
export const NOT_KEPT = 'ERR this database lives in memory only'

/** Of a process that keeps nothing. */
export const memoryOnly: StorageCommands & Durability = {
  syncedSequence: 0,
  isCongested: false,
  persistenceOf: () => ({
    isLoading: false,
    loadedPercent: 0,
    changesSinceSave: 0,
    isSaving: false,
    lastSaveSeconds: 0,
    wasLastSaveGood: true,
    savesSinceStart: 0,
    hasLog: false,
    isLogGood: true,
    logBytes: 0,
  }),
  save: () => NOT_KEPT,
  saveNow: async () => false,
  settings: () =>
    new Map([
      ['save', ''],
      ['appendonly', 'no'],
    ]),
  configure: () => NOT_KEPT,
}

/** Ends the process, with a last snapshot, without, or as its save rules say (undefined). */
export type Shutdown = (saves: boolean | undefined) => void

export function createStorageCommands(
  storage: StorageCommands,
  shutdown: Shutdown | undefined,
): readonly CommandSpec[] {
  const row = { keys: undefined, group: 'server' } as const
  const flags = ['admin', 'noscript'] as const
  const bgsave: CommandSpec['run'] = ({ tenant }, args, reply) => {
    if (args.count > 2 || (args.count === 2 && !args.is(1, 'schedule'))) reply.error(SYNTAX_ERROR)
    else begin(storage, tenant, reply, 'Background saving started')
  }
  const rewrite: CommandSpec['run'] = ({ tenant }, _args, reply) =>
    begin(storage, tenant, reply, 'Background append only file rewriting started')
  const save: CommandSpec['run'] = ({ tenant, session }, _args, reply) => {
    if (storage.persistenceOf(tenant).isSaving) reply.error(IN_PROGRESS)
    else session.block(storage.saveNow(tenant).then(answerSave))
  }
  const lastsave: CommandSpec['run'] = ({ tenant }, _args, reply) =>
    reply.integer(storage.persistenceOf(tenant).lastSaveSeconds)
  return [
    { ...row, name: 'save', arity: 1, flags, since: '1.0.0', run: save },
    {
      ...row,
      name: 'shutdown',
      arity: -1,
      flags: ['admin', 'noscript', 'loading', 'stale'],
      since: '1.0.0',
      run: (_context, args, reply) => runShutdown(shutdown, args, reply),
    },
    { ...row, name: 'bgsave', arity: -1, flags, since: '1.0.0', run: bgsave },
    { ...row, name: 'bgrewriteaof', arity: 1, flags, since: '1.0.0', run: rewrite },
    {
      ...row,
      name: 'lastsave',
      arity: 1,
      flags: ['loading', 'stale', 'fast'],
      since: '1.0.0',
      run: lastsave,
    },
  ]
}

const answerSave = (isGood: boolean) => (reply: ReplyWriter) => {
  if (isGood) reply.ok()
  else reply.error('ERR')
}

/** SHUTDOWN [NOSAVE | SAVE] → no reply: the connection ends. https://redis.io/commands/shutdown */
function runShutdown(shutdown: Shutdown | undefined, args: Args, reply: ReplyWriter): void {
  const saves = args.count === 1 ? undefined : args.is(1, 'save')
  const isKnown = args.count === 1 || (args.count === 2 && (saves || args.is(1, 'nosave')))
  if (!isKnown) reply.error(SYNTAX_ERROR)
  else if (shutdown === undefined) reply.error(MANAGED)
  else shutdown(saves)
}

function begin(storage: StorageCommands, tenant: Tenant, reply: ReplyWriter, done: string): void {
  const error = storage.save(tenant)
  if (error === undefined) reply.simple(done)
  else reply.error(error)
}
