/** The stories' cluster in this process tree: nothing but Node, and kubectl as its user. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedCluster } from '@miniredis/embedded'
import type { Cluster } from './cluster.ts'
import { createKubectl, findKubectl } from './kubectl.ts'

/** First port of NodePort and LoadBalancer Services: away from what `make up` uses. */
const PORT_BASE = 26_001

/** From nothing to an installed operator, in a home of its own that is removed in the end. */
export async function startEmbeddedCluster(): Promise<Cluster> {
  const home = await mkdtemp(join(tmpdir(), 'miniredis-stories-'))
  const options = { home, apiPort: 0, portBase: PORT_BASE, log: console.error }
  const embedded = await EmbeddedCluster.start(options)
  return openCluster(embedded, await findKubectl(), async () => {
    await embedded.stop()
    await rm(home, { recursive: true })
  })
}

function openCluster(
  embedded: EmbeddedCluster,
  kubectl: string,
  stop: () => Promise<void>,
): Cluster {
  const { kubeconfig, operatorNamespace } = embedded
  const killPod = (pod: string): void => {
    if (!embedded.signalPod(operatorNamespace, pod, 'SIGKILL')) throw new Error(`no pod ${pod}`)
  }
  const close = async (): Promise<void> => undefined
  return {
    target: 'embedded',
    operatorNamespace,
    kubeconfig,
    kubectl: createKubectl(kubectl, kubeconfig),
    reach: async (host, port) => ({ host: embedded.resolve(host) ?? host, port, close }),
    stopApi: () => embedded.stopApi(),
    startApi: () => embedded.startApi(),
    killOperator: async () => embedded.killOperator(),
    operatorTelemetry: async () => ({ ...embedded.operatorTelemetry, close }),
    killPod: async (pod) => killPod(pod),
    aimAtPod: async (pod) => () => killPod(pod),
    volumeDirectory: async (pod) => {
      const directory = embedded.volumeDirectory(operatorNamespace, pod)
      if (directory === undefined) throw new Error(`no volume ${pod}`)
      return directory
    },
    stop,
  }
}
