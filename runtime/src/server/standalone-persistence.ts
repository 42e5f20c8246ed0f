/** What redis-server's settings about persistence mean for the one tenant of a standalone server. */
import { type Assignment, keepsLog, keepsSnapshots, type Persistence } from '@miniredis/crds'
import { parseSaveRules } from '../persistence/save-rules.ts'

export interface PersistenceSettings {
  readonly appendonly: boolean
  readonly appendfsync: Persistence['fsync']
  readonly save: Persistence['saveRules']
}

export const fsyncPolicies = { always: 'Always', everysec: 'EverySecond', no: 'No' } as const

/** Without rules and log the dump file is still read at start and written by SAVE. */
export function persistenceOf({ appendonly, appendfsync, save }: PersistenceSettings): Persistence {
  const mode = appendonly ? (save.length > 0 ? 'Both' : 'Log') : 'Snapshot'
  return { mode, fsync: appendfsync, saveRules: save }
}

function settingsOf(persistence: Persistence): PersistenceSettings {
  return {
    appendonly: keepsLog(persistence),
    appendfsync: persistence.fsync,
    save: keepsSnapshots(persistence) ? persistence.saveRules : [],
  }
}

/** CONFIG SET of one setting: the assignment afterwards, or the error. */
export function configurePersistence(
  assignment: Assignment,
  name: string,
  value: string,
  hasLog: boolean,
): Assignment | string {
  const settings = settingsOf(assignment.persistence)
  const changed = change(settings, name, value, hasLog)
  if (typeof changed === 'string') return changed
  return { ...assignment, persistence: persistenceOf({ ...settings, ...changed }) }
}

function change(
  settings: PersistenceSettings,
  name: string,
  value: string,
  hasLog: boolean,
): Partial<PersistenceSettings> | string {
  switch (name) {
    case 'appendonly':
      if (value !== 'yes' && value !== 'no') return failed(name, "argument must be 'yes' or 'no'")
      if (value === 'yes' && !hasLog) return failed(name, 'start the server with --appendonly yes')
      return { ...settings, appendonly: value === 'yes' }
    case 'appendfsync': {
      const policy = Object.entries(fsyncPolicies).find(([policyName]) => policyName === value)
      if (policy === undefined)
        return failed(name, 'argument(s) must be one of the following: everysec, always, no')
      return { ...settings, appendfsync: policy[1] }
    }
    case 'save': {
      const save = parseSaveRules(value)
      return save === undefined ? failed(name, 'Invalid save parameters') : { ...settings, save }
    }
    case 'dir':
    case 'dbfilename':
      return failed(name, "can't set immutable config")
    default:
      return `ERR Unknown option or number of arguments for CONFIG SET - '${name}'`
  }
}

const failed = (name: string, reason: string): string =>
  `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`
