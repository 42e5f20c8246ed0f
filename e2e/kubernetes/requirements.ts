/** What the machine must have: root, Linux, and programs of Debian's packages. */
import { ensurePrograms, findProgram, type Program } from '../../tools/debian-packages.ts'

export class MissingRequirement extends Error {}

const programs: readonly Program[] = [
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

/** @throws MissingRequirement or MissingPrograms that names the fix */
export function meetRequirements(log: (line: string) => void): void {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new MissingRequirement(
      'The Kubernetes test cluster needs Linux and root (namespaces, containerd, iptables). ' +
        'Run it as root, or use: make e2e TARGET=embedded',
    )
  }
  ensurePrograms(programs, log)
}

/** @throws MissingRequirement unless Go is there; binaries in the cache need no Go */
export function requireGo(): void {
  if (findProgram('go') !== undefined) return
  throw new MissingRequirement(
    'Building the Kubernetes test cluster needs Go 1.24 or newer on the PATH (command: go).',
  )
}
