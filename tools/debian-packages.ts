/** Programs that come from Debian's packages: found, installed as root, or named. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'

export interface Program {
  /** A name on the PATH, or an absolute path. */
  readonly program: string
  readonly packageName: string
}

export class MissingPrograms extends Error {}

const folders = (process.env.PATH ?? '').split(':').concat('/usr/sbin', '/sbin')

/** Where a program is, or undefined. An absolute path is looked for as it is. */
export function findProgram(program: string): string | undefined {
  const candidates = program.startsWith('/') ? [program] : folders.map((at) => `${at}/${program}`)
  return candidates.find(isExecutable)
}

/** Makes sure that all are there. @throws MissingPrograms that names what a person has to install */
export function ensurePrograms(programs: readonly Program[], log: (line: string) => void): void {
  const missing = missingPackages(programs)
  if (missing.length === 0) return
  if (process.getuid?.() === 0 && findProgram('apt-get') !== undefined) {
    log(`Installing ${missing.join(' ')} from the distribution's packages`)
    install(missing)
  }
  const still = missingPackages(programs)
  if (still.length > 0) throw new MissingPrograms(`Install these packages: ${still.join(' ')}`)
}

function missingPackages(programs: readonly Program[]): string[] {
  const missing = programs.filter(({ program }) => findProgram(program) === undefined)
  return [...new Set(missing.map(({ packageName }) => packageName))]
}

/** Lists of packages may be missing or old, so a first failure fetches them and tries once more. */
function install(packages: readonly string[]): void {
  const command = ['install', '--yes', '--quiet=2', '--no-install-recommends', ...packages]
  if (aptGet(command, 'ignore') === 0) return
  aptGet(['update', '--quiet=2'], 'inherit')
  aptGet(command, 'inherit')
}

/** Run level 1 keeps the packages from starting their services. */
function aptGet(args: readonly string[], stderr: 'ignore' | 'inherit'): number | null {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  return spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', stderr] }).status
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
