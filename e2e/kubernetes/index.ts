/**
 * A real Kubernetes for tests: builds it, starts it, reaches into it, hurts it, removes it. Needs
 * Linux and root. `node e2e/kubernetes/main.ts` is the same for people.
 */
import { type Forward, forward } from './agent/tunnel.ts'
import { type Binaries, buildTestCluster } from './binaries.ts'
import {
  bringUp,
  type ClusterOptions,
  defaultName,
  importImage,
  startApiServer,
  takeDown,
} from './cluster.ts'
import { type CommandResult, runCommand, tryCommand } from './command.ts'
import { layoutOf } from './layout.ts'
import { isRunning, recordedDaemons, signalDaemon, stopDaemon } from './processes.ts'

export { type Binaries, buildTestCluster, type ClusterOptions, type CommandResult, type Forward }

export interface Address {
  readonly host: string
  readonly port: number
}

export interface TestCluster {
  readonly name: string
  /** Usable from the host: the server is a port of 127.0.0.1. Cluster administrator. */
  readonly kubeconfig: string
  readonly binaries: Binaries
  /** Runs kubectl; throws when it fails, answers with its standard output. */
  kubectl(args: readonly string[], stdin?: string): Promise<string>
  /** Runs kubectl and answers with exit code and output, whatever they are. */
  tryKubectl(args: readonly string[], stdin?: string): Promise<CommandResult>
  /** Runs helm; throws when it fails, answers with its standard output. */
  helm(args: readonly string[]): Promise<string>
  /** Makes an OCI archive's image known to the node. Pods need imagePullPolicy Never or IfNotPresent. */
  importImage(archive: string): Promise<void>
  /** A local port that leads to any address of the cluster: load balancer, Service, node or pod. */
  reach(address: Address): Promise<Forward>
  /**
   * Takes the API server away. `kill` refuses connections and cuts watches, `freeze` leaves every
   * connection open and silent.
   */
  stopApiServer(how?: 'kill' | 'freeze'): Promise<void>
  /** Undoes stopApiServer and waits until the API answers. About 3 s after `kill`. */
  startApiServer(): Promise<void>
  /** Name of every daemon, and whether it runs. */
  status(): ReadonlyMap<string, boolean>
  /** Removes the cluster: processes, namespaces, mounts, control groups, files. About 2 s. */
  stop(): Promise<void>
}

/** Builds what is missing and starts a fresh cluster; one of the same name is replaced. */
export async function startTestCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const layout = await bringUp(options)
  return openCluster(layout.name, await buildTestCluster(options.log))
}

/** The cluster of this name if it is up, for example by the command line; otherwise undefined. */
export async function attachTestCluster(name = defaultName): Promise<TestCluster | undefined> {
  if (!isRunning(layoutOf(name), 'relay')) return undefined
  return openCluster(name, await buildTestCluster())
}

/** Removes whatever is left under this name, also after a crash. Harmless when nothing is. */
export async function removeTestCluster(name = defaultName): Promise<void> {
  await takeDown(layoutOf(name))
}

function openCluster(name: string, binaries: Binaries): TestCluster {
  const layout = layoutOf(name)
  const env = { PATH: process.env.PATH, HOME: layout.state, KUBECONFIG: layout.kubeconfig }
  const doors = new Set<Forward>()
  return {
    name,
    kubeconfig: layout.kubeconfig,
    binaries,
    kubectl: (args, stdin = '') => runCommand([binaries.kubectl, ...args], { env, stdin }),
    tryKubectl: (args, stdin = '') => tryCommand([binaries.kubectl, ...args], { env, stdin }),
    helm: (args) => runCommand([binaries.helm, ...args], { env }),
    importImage: (archive) => importImage(layout, archive),
    async reach(address) {
      const door = await forward(layout.tunnelSocket, address)
      doors.add(door)
      const close = () => (doors.delete(door) ? door.close() : Promise.resolve())
      return { ...door, close }
    },
    async stopApiServer(how = 'kill') {
      if (how === 'freeze') signalDaemon(layout, 'kube-apiserver', 'SIGSTOP')
      else await stopDaemon(layout, 'kube-apiserver', 'SIGKILL')
    },
    async startApiServer() {
      signalDaemon(layout, 'kube-apiserver', 'SIGCONT')
      await startApiServer(layout)
    },
    status: () => new Map(recordedDaemons(layout).map((each) => [each, isRunning(layout, each)])),
    async stop() {
      for (const door of doors) await door.close()
      await takeDown(layout)
    },
  }
}
