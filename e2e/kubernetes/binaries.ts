/**
 * Builds the cluster's programs from Go modules, once per set of sources: a binary's name carries
 * the hash of what it was made from, so a second run finds it and builds nothing.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { runCommand } from './command.ts'
import { binaryDirectory, helmVersion, kubernetesVersion } from './layout.ts'
import { requireGo } from './requirements.ts'

/** Absolute paths. `cluster` is every Kubernetes program in one; the first argument chooses. */
export interface Binaries {
  readonly cluster: string
  readonly dns: string
  readonly pause: string
  readonly helm: string
  readonly kubectl: string
}

type Log = (line: string) => void

interface Build {
  readonly name: string
  readonly key: string
  /** Command that leaves the binary at a path; run in `cwd` with `env` added. */
  readonly command: (target: string) => readonly string[]
  readonly cwd?: string
  readonly env?: (folder: string) => NodeJS.ProcessEnv
}

const sources = fileURLToPath(new URL('go', import.meta.url))

/** Builds what the cache lacks (about 5 minutes cold on 2 cores) and answers with the paths. */
export async function buildTestCluster(log: Log = console.error): Promise<Binaries> {
  await mkdir(binaryDirectory, { recursive: true })
  const builds = [
    await moduleBuild('cluster', clusterLinkerFlags()),
    await moduleBuild('dns', '-s -w'),
    await moduleBuild('pause', '-s -w'),
    helmBuild(),
  ]
  const [cluster = '', dns = '', pause = '', helm = ''] = await Promise.all(
    builds.map((build) => buildOnce(build, log)),
  )
  await link(cluster, 'kubectl')
  await link(helm, 'helm')
  return { cluster, dns, pause, helm, kubectl: `${binaryDirectory}/kubectl` }
}

async function buildOnce(build: Build, log: Log): Promise<string> {
  const target = `${binaryDirectory}/${build.name}-${build.key}`
  if (existsSync(target)) return target
  requireGo()
  log(`building ${build.name}; this takes minutes, once`)
  const startedAtMs = Date.now()
  const folder = `${binaryDirectory}/building-${build.name}-${process.pid}`
  const env = { ...process.env, CGO_ENABLED: '0', ...build.env?.(folder) }
  const command = ['nice', '-n', '10', ...build.command(`${folder}/${build.name}`)]
  await mkdir(folder, { recursive: true })
  try {
    await runCommand(command, { env, cwd: build.cwd })
    await rename(`${folder}/${build.name}`, target) // whole or not at all
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  log(`built ${build.name} in ${Math.round((Date.now() - startedAtMs) / 1000)} s`)
  return target
}

async function moduleBuild(name: string, linkerFlags: string): Promise<Build> {
  const cwd = `${sources}/${name}`
  return {
    name,
    key: await hashOf(cwd, linkerFlags),
    command: (target) => ['go', 'build', '-trimpath', '-ldflags', linkerFlags, '-o', target, '.'],
    cwd,
  }
}

function helmBuild(): Build {
  return {
    name: 'helm',
    key: helmVersion,
    command: () => ['go', 'install', '-trimpath', `helm.sh/helm/v4/cmd/helm@${helmVersion}`],
    env: (folder) => ({ GOBIN: folder }),
  }
}

/** Without these the API server calls itself v0.0.0-master and every version check goes wrong. */
function clusterLinkerFlags(): string {
  const [major, minor] = kubernetesVersion.replace('v', '').split('.')
  const values = {
    gitVersion: kubernetesVersion,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: 'clean',
  }
  const flags = Object.entries(values).map(
    ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
  )
  return ['-s', '-w', ...flags].join(' ')
}

async function hashOf(folder: string, flags: string): Promise<string> {
  const hash = createHash('sha256').update(`${process.arch} ${flags}`)
  for (const name of (await readdir(folder)).sort()) {
    hash.update(name).update(await readFile(`${folder}/${name}`))
  }
  return hash.digest('hex').slice(0, 16)
}

/** A stable name beside the hashed one, so that people can put the folder on their PATH. */
async function link(target: string, name: string): Promise<void> {
  const temporary = `${binaryDirectory}/.${name}-${process.pid}`
  await rm(temporary, { force: true })
  await symlink(target, temporary)
  await rename(temporary, `${binaryDirectory}/${name}`)
}
