/**
 * What a kubelet changes or leaves behind outside the cluster's folder and network namespaces:
 * kernel settings, control groups, mounts, container shims. Each is put back or removed.
 */
import { existsSync } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { runCommand, tryCommand } from './command.ts'
import type { Layout } from './layout.ts'

const cgroupRoot = '/sys/fs/cgroup'
const hasCgroupV2 = existsSync(`${cgroupRoot}/cgroup.controllers`)

/** Kernel settings of the whole machine that a kubelet writes. */
const kernelSettings = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
]

export async function saveKernelSettings(layout: Layout): Promise<void> {
  const saved = await Promise.all(
    kernelSettings.map(async (name) => [name, await readFile(`/proc/sys/${name}`, 'utf8')]),
  )
  await writeFile(kernelFile(layout), JSON.stringify(Object.fromEntries(saved)))
}

export async function restoreKernelSettings(layout: Layout): Promise<void> {
  if (!existsSync(kernelFile(layout))) return
  const saved: Record<string, string> = JSON.parse(await readFile(kernelFile(layout), 'utf8'))
  for (const [name, value] of Object.entries(saved)) await writeFile(`/proc/sys/${name}`, value)
}

/** The kubelet's own control group, in every hierarchy; it does not make its root itself. */
export async function createControlGroups(layout: Layout): Promise<void> {
  if (hasCgroupV2) {
    const controllers = (await readFile(`${cgroupRoot}/cgroup.controllers`, 'utf8')).trim()
    const enabled = controllers.split(' ').map((controller) => `+${controller}`)
    await appendFile(`${cgroupRoot}/cgroup.subtree_control`, enabled.join(' '))
  }
  for (const path of await controlGroups(layout)) await mkdir(path, { recursive: true })
  if (!hasCgroupV2) await inheritCpuset(layout)
}

/** Removes the groups; false while one still has a process in it. */
export async function removeControlGroups(layout: Layout): Promise<boolean> {
  const groups = (await controlGroups(layout)).filter((path) => existsSync(path))
  for (const path of groups) {
    // the files in a group cannot be removed, only the groups themselves, deepest first
    await tryCommand(['find', path, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'])
  }
  return !groups.some((path) => existsSync(path))
}

/** Unmounts everything under the cluster's folder, last mounted first. */
export async function removeMounts({ state }: Layout): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n')
  const ours = mounts
    .map((line) => line.split(' ')[1] ?? '')
    .filter((at) => at.startsWith(`${state}/`))
  for (const at of ours.reverse()) await runCommand(['umount', '--lazy', at])
}

/** Ends the container shims that serve this cluster's containerd and no other. */
export async function endShims({ containerdSocket }: Layout): Promise<void> {
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    const [program = '', ...args] = command.split('\0')
    const isShim = program.includes('containerd-shim') && args.includes(containerdSocket)
    if (isShim) process.kill(Number(pid), 'SIGKILL')
  }
}

/** Files that the kubelet and the pod network keep at paths which no setting moves. */
export async function removeStrayFiles({ state }: Layout): Promise<void> {
  await removeWhere('/var/log/containers', async (path) => (await readlink(path)).startsWith(state))
  await removeWhere('/var/lib/cni/results', async (path) =>
    (await readFile(path, 'utf8')).includes(`/${state.split('/').slice(1).join('/')}/`),
  )
}

async function removeWhere(
  folder: string,
  isOurs: (path: string) => Promise<boolean>,
): Promise<void> {
  if (!existsSync(folder)) return
  for (const name of await readdir(folder)) {
    const path = `${folder}/${name}`
    if (await isOurs(path).catch(() => false)) await rm(path, { force: true })
  }
}

async function controlGroups({ name }: Layout): Promise<string[]> {
  if (hasCgroupV2) return [`${cgroupRoot}/${name}`]
  const hierarchies = await readdir(cgroupRoot)
  return hierarchies
    .filter((each) => existsSync(`${cgroupRoot}/${each}/cgroup.procs`))
    .map((each) => `${cgroupRoot}/${each}/${name}`)
}

/** In cgroup v1 a new cpuset is empty, and nothing can run in it, until it is given its parent's. */
async function inheritCpuset({ name }: Layout): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const parent = `${cgroupRoot}/cpuset/${file}`
    if (!existsSync(parent)) continue
    await writeFile(`${cgroupRoot}/cpuset/${name}/${file}`, await readFile(parent, 'utf8'))
  }
}

function kernelFile({ state }: Layout): string {
  return `${state}/kernel-settings.json`
}
