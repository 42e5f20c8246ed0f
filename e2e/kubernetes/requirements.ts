/** What the machine must have: root, Linux, and programs of Debian's packages. */
import { accessSync, constants, existsSync } from 'node:fs'
import { runCommand } from './command.ts'

export class MissingRequirement extends Error {}

interface Requirement {
  readonly program: string
  readonly packageName: string
}

const requirements: readonly Requirement[] = [
  { program: 'containerd', packageName: 'containerd' },
  { program: 'ctr', packageName: 'containerd' },
  { program: 'runc', packageName: 'runc' },
  { program: '/usr/lib/cni/bridge', packageName: 'containernetworking-plugins' },
  { program: 'iptables', packageName: 'iptables' },
  { program: 'ip', packageName: 'iproute2' },
  { program: 'sysctl', packageName: 'procps' },
  { program: 'nsenter', packageName: 'util-linux' },
  { program: 'openssl', packageName: 'openssl' },
]

const folders = (process.env.PATH ?? '').split(':').concat('/usr/sbin', '/sbin')

/** Where a program is, or undefined. An absolute path is looked for as it is. */
export function findProgram(program: string): string | undefined {
  if (program.startsWith('/')) return existsSync(program) ? program : undefined
  return folders.map((folder) => `${folder}/${program}`).find(isExecutable)
}

/** Throws a MissingRequirement that names the fix; as root on Debian it installs the packages. */
export async function meetRequirements(log: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new MissingRequirement(
      'The Kubernetes test cluster needs Linux and root (namespaces, containerd, iptables). ' +
        'Run it as root, or use: make e2e TARGET=embedded',
    )
  }
  const missing = missingPackages()
  if (missing.length === 0) return
  if (findProgram('apt-get') === undefined) throw missingError(missing)
  log(`installing ${missing.join(' ')}`)
  await installPackages(missing)
  if (missingPackages().length > 0) throw missingError(missingPackages())
}

/** Throws a MissingRequirement unless Go is there; binaries in the cache need no Go. */
export function requireGo(): void {
  if (findProgram('go') !== undefined) return
  throw new MissingRequirement(
    'Building the Kubernetes test cluster needs Go 1.24 or newer on the PATH (command: go).',
  )
}

function missingPackages(): string[] {
  const missing = requirements.filter(({ program }) => findProgram(program) === undefined)
  return [...new Set(missing.map(({ packageName }) => packageName))]
}

async function installPackages(names: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = ['apt-get', 'install', '-y', '-q', '--no-install-recommends', ...names]
  await runCommand(install, { env }).catch(async () => {
    await runCommand(['apt-get', 'update', '-q'], { env }) // lists may be missing or old
    await runCommand(install, { env })
  })
}

function missingError(names: readonly string[]): MissingRequirement {
  return new MissingRequirement(
    `The Kubernetes test cluster needs these Debian packages: ${names.join(' ')}`,
  )
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
