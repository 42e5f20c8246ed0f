/**
 * Brings a one-node Kubernetes cluster up and takes it down. What is started where:
 *
 *   node namespace     etcd, kube-apiserver, controllers, scheduler, containerd, kubelet, proxy, DNS
 *   outside namespace  agent: load-balancer addresses, volumes, the tunnel
 *   host               relay: the API server on a port of 127.0.0.1
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { encodeImage } from '../../images/oci.ts'
import { programEntries } from '../../images/rootfs.ts'
import { type ApiClient, createApiClient } from './agent/api-client.ts'
import { forward } from './agent/tunnel.ts'
import { type Binaries, buildTestCluster } from './binaries.ts'
import { runCommand, tryCommand } from './command.ts'
import * as configuration from './configuration.ts'
import * as daemons from './daemons.ts'
import { kubernetesVersion, type Layout, layoutOf, network, node } from './layout.ts'
import * as machine from './machine.ts'
import { createNetwork, hasNetwork, removeNetwork } from './network.ts'
import { baseObjects } from './objects.ts'
import { createPki } from './pki.ts'
import {
  eventually,
  isRunning,
  recordedDaemons,
  startDaemon,
  stopDaemon,
  untilReady,
} from './processes.ts'
import { meetRequirements } from './requirements.ts'

export interface ClusterOptions {
  /** A DNS label of at most 10 characters; default `tc`. Clusters of different names coexist. */
  readonly name?: string
  /** kube-proxy's least time between two rule writes; default 1s, which is Kubernetes' own. */
  readonly proxyMinSync?: string
  /** The longest crash-loop delay, for example 2s; default is Kubernetes' own (10 s to 300 s). */
  readonly crashLoopMax?: string
  readonly log?: (line: string) => void
}

/** The little of a Node that is read here. */
interface NodeView {
  readonly status?: { readonly conditions?: readonly { type: string; status: string }[] }
}

export const defaultName = 'tc'

/**
 * Builds what is missing, removes what an interrupted run left under this name, starts everything
 * and waits until pods can be created. Cold start about 10 s. Throws with the end of a log.
 */
export async function bringUp(options: ClusterOptions = {}): Promise<Layout> {
  const log = options.log ?? console.error
  const layout = layoutOf(options.name ?? defaultName)
  meetRequirements(log)
  const binaries = await buildTestCluster(log)
  if (hasNetwork(layout) || existsSync(layout.state)) await takeDown(layout)
  const startedAtMs = Date.now()
  try {
    await prepare(layout, options)
    const api = await openToHost(layout)
    await startControlPlane(layout, binaries, api)
    await startNode(layout, binaries, api)
    await untilUsable(layout, api)
  } catch (error) {
    await keepLogs(layout)
    await takeDown(layout)
    throw error
  }
  log(`Kubernetes ${kubernetesVersion} is up after ${Date.now() - startedAtMs} ms`)
  return layout
}

/** Ends every process of the cluster and removes all that it made. Harmless when nothing runs. */
export async function takeDown(layout: Layout): Promise<void> {
  await stopDaemon(layout, 'kubelet', 'SIGKILL') // first: it would start containers again
  await removeContainers(layout)
  const names = recordedDaemons(layout)
  await Promise.all(names.map((name) => stopDaemon(layout, name, 'SIGKILL')))
  await machine.endShims(layout)
  await machine.removeMounts(layout)
  await eventually(() => machine.removeControlGroups(layout), 3000)
  await machine.restoreKernelSettings(layout)
  await machine.removeStrayFiles(layout)
  await removeNetwork(layout)
  await rm(layout.state, { recursive: true, force: true })
}

/** Starts the API server again after it was stopped, and waits until it answers. */
export async function startApiServer(layout: Layout): Promise<void> {
  const binaries = await buildTestCluster()
  await startDaemon(layout, daemons.apiServer(layout, binaries))
  const api = await adminClient(layout)
  await untilReady(layout, 'kube-apiserver', () => isApiReady(api))
}

export async function importImage(layout: Layout, archive: string): Promise<void> {
  await runCommand(ctr(layout, 'images', 'import', archive))
}

async function prepare(layout: Layout, options: ClusterOptions): Promise<void> {
  const { state, pki, logs } = layout
  const settings = {
    proxyMinSync: options.proxyMinSync ?? '1s',
    crashLoopMax: options.crashLoopMax,
  }
  await mkdir(`${state}/cni`, { recursive: true, mode: 0o755 })
  await mkdir(logs)
  await Promise.all([createNetwork(layout), createPki(pki), machine.createControlGroups(layout)])
  const server = `https://${network.nodeAddress}:${network.apiPort}`
  const files: Record<string, string> = {
    'containerd.toml': configuration.buildContainerdConfig(layout),
    'cni/10-cluster.conflist': configuration.buildPodNetwork(layout),
    'kubelet.yaml': configuration.buildKubeletConfig(layout, settings),
    'proxy.yaml': configuration.buildProxyConfig(layout, settings),
    'resolv.conf': '',
    Corefile: configuration.buildCorefile(layout),
  }
  for (const user of ['admin', 'controllers', 'scheduler', 'kubelet', 'proxy', 'dns']) {
    files[`${user}.kubeconfig`] = configuration.buildKubeconfig(layout, server, user)
  }
  for (const [name, content] of Object.entries(files)) await writeFile(`${state}/${name}`, content)
  await machine.saveKernelSettings(layout)
}

/** The agent, and the relay whose port the kubeconfig of people and tests names. */
async function openToHost(layout: Layout): Promise<ApiClient> {
  await startDaemon(layout, daemons.agent(layout))
  await untilReady(layout, 'agent', async () => existsSync(layout.tunnelSocket))
  await startDaemon(layout, daemons.relay(layout))
  await untilReady(layout, 'relay', async () => existsSync(portFile(layout)))
  const server = `https://127.0.0.1:${await apiPort(layout)}`
  const content = configuration.buildKubeconfig(layout, server, 'admin')
  await writeFile(layout.kubeconfig, content, { mode: 0o600 })
  return adminClient(layout)
}

async function startControlPlane(
  layout: Layout,
  binaries: Binaries,
  api: ApiClient,
): Promise<void> {
  await startDaemon(layout, daemons.etcd(layout, binaries))
  await startDaemon(layout, daemons.containerd(layout))
  // the API server waits for etcd by itself; beginning at once hides etcd's start
  await startDaemon(layout, daemons.apiServer(layout, binaries))
  await untilReady(layout, 'containerd', () => succeeds(ctr(layout, 'version')))
  await importPauseImage(layout, binaries)
  await untilReady(layout, 'etcd', () => isApiReady(api))
  await untilReady(layout, 'kube-apiserver', () => isApiReady(api))
}

async function startNode(layout: Layout, binaries: Binaries, api: ApiClient): Promise<void> {
  const { zone, region } = node
  const labels = `topology.kubernetes.io/zone=${zone},topology.kubernetes.io/region=${region}`
  for (const daemon of [
    daemons.controllers(layout, binaries),
    daemons.scheduler(layout, binaries),
    daemons.kubelet(layout, binaries, labels),
    daemons.proxy(layout, binaries),
    daemons.dns(layout, binaries),
  ]) {
    await startDaemon(layout, daemon)
  }
  for (const { collection, object } of baseObjects) {
    const { status, text } = await api.call('POST', collection, object)
    if (status !== 201) throw new Error(`${collection} answered ${status}: ${text.slice(0, 500)}`)
  }
}

/** Usable: the node takes pods, Services work, names resolve, and the controllers make accounts. */
async function untilUsable(layout: Layout, api: ApiClient): Promise<void> {
  const isNodeReady = async () =>
    isReady((await api.call('GET', `/api/v1/nodes/${node.name}`)).text)
  const hasAccount = () => exists(api, '/api/v1/namespaces/default/serviceaccounts/default')
  await untilReady(layout, 'kubelet', isNodeReady)
  await untilReady(layout, 'kube-proxy', () => isHealthy(layout, 10256, '/livez'))
  await untilReady(layout, 'kube-controller-manager', hasAccount)
  await untilReady(layout, 'dns', () => isHealthy(layout, 8181, '/ready'))
}

async function importPauseImage(layout: Layout, { pause }: Binaries): Promise<void> {
  const archive = `${layout.state}/pause.tar`
  const image = {
    name: 'localhost/pause:1',
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    user: '65535:65535',
    workingDir: '/',
    entrypoint: ['/pause'],
    env: [],
    labels: {},
    layers: [await programEntries(pause, '/pause')],
  } as const
  await writeFile(archive, encodeImage(image))
  await importImage(layout, archive)
}

async function removeContainers(layout: Layout): Promise<void> {
  if (!isRunning(layout, 'containerd')) return
  const list = async (...what: string[]) =>
    (await runCommand(ctr(layout, ...what, 'ls', '-q'))).split('\n').filter((id) => id !== '')
  for (const id of await list('tasks')) await tryCommand(ctr(layout, 'tasks', 'rm', '--force', id))
  for (const id of await list('containers')) await tryCommand(ctr(layout, 'containers', 'rm', id))
}

/** After a failed start the logs are what one wants to see; the rest of the folder goes. */
async function keepLogs(layout: Layout): Promise<void> {
  const kept = `${layout.state}-failed-logs`
  await rm(kept, { recursive: true, force: true })
  await tryCommand(['cp', '-r', layout.logs, kept])
}

function isApiReady(api: ApiClient): Promise<boolean> {
  return exists(api, '/readyz')
}

async function exists(api: ApiClient, path: string): Promise<boolean> {
  return (await api.call('GET', path)).status === 200
}

function isReady(nodeText: string): boolean {
  const { status }: NodeView = JSON.parse(nodeText)
  return (
    status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
  )
}

/** Asks a program on the node's address, through the tunnel. */
async function isHealthy(layout: Layout, port: number, path: string): Promise<boolean> {
  const door = await forward(layout.tunnelSocket, { host: network.nodeAddress, port })
  try {
    return (await fetch(`http://127.0.0.1:${door.port}${path}`)).ok
  } finally {
    await door.close()
  }
}

async function adminClient(layout: Layout): Promise<ApiClient> {
  const address = { host: '127.0.0.1', port: Number(await apiPort(layout)) }
  return createApiClient(layout, address, 'admin')
}

function apiPort(layout: Layout): Promise<string> {
  return readFile(portFile(layout), 'utf8')
}

function portFile({ state }: Layout): string {
  return `${state}/api-port`
}

async function succeeds(command: readonly string[]): Promise<boolean> {
  return (await tryCommand(command)).exitCode === 0
}

function ctr({ containerdSocket }: Layout, ...args: string[]): string[] {
  return ['ctr', '--address', containerdSocket, '--namespace', 'k8s.io', ...args]
}
