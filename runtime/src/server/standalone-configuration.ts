/**
 * What `miniredis-server` is told: redis-server's flags, and a file of the same names.
 *
 *   miniredis-server [file] [--name value ...]      file: one `name value` per line, # comments
 */

import type { Persistence } from '@miniredis/crds'
import { parseSaveRules } from '../persistence/save-rules.ts'
import { fsyncPolicies } from './standalone-persistence.ts'

export interface StandaloneConfiguration {
  readonly port: number
  readonly bind: string
  /** Empty: no password. */
  readonly requirepass: string
  /** Bytes; 0: no limit. */
  readonly maxmemory: number
  readonly maxclients: number
  readonly databases: number
  /** Seconds without a command after which a client is closed; 0: never. */
  readonly timeout: number
  readonly appendonly: boolean
  readonly appendfsync: Persistence['fsync']
  readonly save: Persistence['saveRules']
  /** Where the dump file and the log are. */
  readonly dir: string
  readonly dbfilename: string
}

export const defaultConfiguration: StandaloneConfiguration = {
  port: 6379,
  bind: '127.0.0.1',
  requirepass: '',
  maxmemory: 0,
  maxclients: 10_000,
  databases: 16,
  timeout: 0,
  appendonly: false,
  appendfsync: 'EverySecond',
  save: [
    [3600, 1],
    [300, 100],
    [60, 10_000],
  ],
  dir: '.',
  dbfilename: 'dump.rdb',
}

/** The command line or the file cannot be understood; the message is for a person. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

type Draft = { -readonly [Name in keyof StandaloneConfiguration]: StandaloneConfiguration[Name] }
type Setter = (draft: Draft, value: string) => void

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
}

const setters: Readonly<Record<keyof StandaloneConfiguration, Setter>> = {
  port: (draft, value) => {
    draft.port = parseInteger(value, 0, 65_535)
  },
  bind: (draft, value) => {
    draft.bind = value
  },
  requirepass: (draft, value) => {
    draft.requirepass = value
  },
  maxmemory: (draft, value) => {
    draft.maxmemory = parseMemory(value)
  },
  maxclients: (draft, value) => {
    draft.maxclients = parseInteger(value, 1, 1_000_000)
  },
  databases: (draft, value) => {
    draft.databases = parseInteger(value, 1, 16)
  },
  timeout: (draft, value) => {
    draft.timeout = parseInteger(value, 0, 0x7fffffff)
  },
  appendonly: (draft, value) => {
    if (value !== 'yes' && value !== 'no') {
      throw new ConfigurationError("argument must be 'yes' or 'no'")
    }
    draft.appendonly = value === 'yes'
  },
  appendfsync: (draft, value) => {
    const policy = Object.entries(fsyncPolicies).find(([name]) => name === value)
    if (policy === undefined) {
      throw new ConfigurationError('argument must be one of: everysec, always, no')
    }
    draft.appendfsync = policy[1]
  },
  save: (draft, value) => {
    const rules = parseSaveRules(value)
    if (rules === undefined) throw new ConfigurationError('Invalid save parameters')
    const isFirst = draft.save === defaultConfiguration.save || rules.length === 0
    draft.save = isFirst ? rules : [...draft.save, ...rules]
  },
  dir: (draft, value) => {
    draft.dir = value
  },
  dbfilename: (draft, value) => {
    if (value === '' || value.includes('/')) {
      throw new ConfigurationError("dbfilename can't be a path, just a filename")
    }
    draft.dbfilename = value
  },
}

/** Parses the arguments after the program's name; `readFile` is asked for a file named first. */
export function parseStandalone(
  words: readonly string[],
  readFile: (path: string) => string,
): StandaloneConfiguration {
  const [first] = words
  const hasFile = first !== undefined && !first.startsWith('-')
  const draft: Draft = { ...defaultConfiguration }
  if (hasFile) for (const [name, value] of directivesOf(readFile(first))) apply(draft, name, value)
  for (const [name, value] of flagsOf(hasFile ? words.slice(1) : words)) apply(draft, name, value)
  return draft
}

function apply(draft: Draft, name: string, value: string): void {
  const setter = Object.hasOwn(setters, name)
    ? setters[name as keyof StandaloneConfiguration]
    : undefined
  if (setter === undefined) {
    throw new ConfigurationError(
      `'${name}': Bad directive or wrong number of arguments; known: ${Object.keys(setters).join(', ')}`,
    )
  }
  try {
    setter(draft, value)
  } catch (error) {
    throw new ConfigurationError(`'${name} "${value}"': ${(error as Error).message}`)
  }
}

function flagsOf(words: readonly string[]): [name: string, value: string][] {
  const flags: [string, string][] = []
  for (let at = 0; at < words.length; ) {
    const flag = words[at++]
    if (!flag.startsWith('--')) throw new ConfigurationError(`'${flag}': a flag starts with --`)
    const values: string[] = []
    while (at < words.length && !words[at].startsWith('--')) values.push(words[at++])
    if (values.length === 0) throw new ConfigurationError(`'${flag}': wrong number of arguments`)
    flags.push([flag.slice(2), values.join(' ')])
  }
  return flags
}

function directivesOf(text: string): [name: string, value: string][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = line, value = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? []
      return [name.toLowerCase(), value.replace(/^"(.*)"$/, '$1')]
    })
}

function parseInteger(text: string, min: number, max: number): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max)) {
    throw new ConfigurationError(`argument must be between ${min} and ${max} inclusive`)
  }
  return value
}

function parseMemory(text: string): number {
  const [, digits, unit = ''] = /^(\d+)([a-z]*)$/i.exec(text) ?? []
  const factor = units[unit.toLowerCase()]
  if (digits === undefined || factor === undefined) {
    throw new ConfigurationError('argument must be a memory value')
  }
  return Number(digits) * factor
}
