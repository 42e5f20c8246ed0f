/** The stories' cluster on a real Kubernetes: our image, our chart, nothing else. */
import { join } from 'node:path'
import { ports } from '@miniredis/crds'
import { buildImage } from '../../images/build.ts'
import { startTestCluster, type TestCluster } from '../kubernetes/index.ts'
import type { Cluster } from './cluster.ts'
import { createKubectl } from './kubectl.ts'
import { killProcess } from './processes.ts'

const chart = join(import.meta.dirname, '..', '..', 'charts', 'miniredis')
const operatorNamespace = 'miniredis'

/** Every pod of ours must do with the strictest rules that Kubernetes has. */
const restricted = 'pod-security.kubernetes.io/enforce=restricted'

/** From nothing to `helm install` done, with progress on standard output. */
export async function startKubernetesCluster(): Promise<Cluster> {
  const kubernetes = await startTestCluster({ log: console.log })
  try {
    const image = await buildImage()
    await kubernetes.importImage(image.path)
    console.log(`helm install of ${image.name}`)
    await kubernetes.kubectl(['create', 'namespace', operatorNamespace])
    await kubernetes.kubectl(['label', 'namespace', operatorNamespace, restricted])
    await kubernetes.helm([
      ...['install', 'miniredis', chart, '--namespace', operatorNamespace],
      ...['--set', 'image.pullPolicy=Never', '--wait', '--timeout', '3m'],
    ])
    await kubernetes.kubectl([
      ...['wait', '--for=condition=Ready', 'rp/default', '-n', operatorNamespace],
      '--timeout=120s',
    ])
    return openCluster(kubernetes)
  } catch (error) {
    await explain(kubernetes)
    await kubernetes.stop()
    throw error
  }
}

export function openCluster(kubernetes: TestCluster): Cluster {
  return {
    target: 'kubernetes',
    operatorNamespace,
    kubeconfig: kubernetes.kubeconfig,
    kubectl: createKubectl(kubernetes.binaries.kubectl, kubernetes.kubeconfig),
    reach: (host, port) => kubernetes.reach({ host, port }),
    stopApi: () => kubernetes.stopApiServer(),
    startApi: () => kubernetes.startApiServer(),
    killOperator: async () => {
      const environment = `HOSTNAME=${await leaderPod(kubernetes)}`
      killProcess({ program: '/app/operator.mjs', environment })
    },
    operatorTelemetry: async () => {
      const pod = await leaderPod(kubernetes)
      const host = await readField(kubernetes, ['pod', pod], '{.status.podIP}')
      return kubernetes.reach({ host, port: ports.operatorHttp })
    },
    killPod: async (pod) => (await aimAtPod(kubernetes, pod))(),
    aimAtPod: (pod) => aimAtPod(kubernetes, pod),
    volumeDirectory: async (pod) => {
      const volume = await readField(kubernetes, ['pvc', pod], '{.spec.volumeName}')
      return readField(kubernetes, ['pv', volume], '{.spec.local.path}')
    },
    stop: () => kubernetes.stop(),
  }
}

async function aimAtPod(kubernetes: TestCluster, pod: string): Promise<() => void> {
  const uid = await readField(kubernetes, ['pod', pod], '{.metadata.uid}')
  const environment = `MINIREDIS_POD_UID=${uid}`
  return () => killProcess({ program: '/app/runtime.mjs', environment })
}

/** The holder's identity is the pod's name and a mark of the process. */
async function leaderPod(kubernetes: TestCluster): Promise<string> {
  const lease = ['lease', 'miniredis-operator']
  const holder = await readField(kubernetes, lease, '{.spec.holderIdentity}')
  return holder.split('_')[0] ?? ''
}

const readField = (kubernetes: TestCluster, object: readonly string[], path: string) =>
  kubernetes.kubectl(['get', ...object, '-n', operatorNamespace, '-o', `jsonpath=${path}`])

/** What a person would look at first when an installation did not become ready. */
async function explain(kubernetes: TestCluster): Promise<void> {
  for (const args of [
    ['get', 'pods,events,rp', '-n', operatorNamespace, '-o', 'wide'],
    ['logs', '-n', operatorNamespace, '-l', 'app.kubernetes.io/name=miniredis', '--tail=40'],
  ]) {
    const { stdout, stderr } = await kubernetes.tryKubectl(args)
    console.error(stdout + stderr)
  }
}
