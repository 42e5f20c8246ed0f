import type { Cluster } from './cluster.ts'
import { startEmbeddedCluster } from './embedded-cluster.ts'
import { startKubernetesCluster } from './kubernetes-cluster.ts'

const targets: Readonly<Record<string, () => Promise<Cluster>>> = {
  embedded: startEmbeddedCluster,
  kubernetes: startKubernetesCluster,
}

/** A fresh cluster with MiniRedis on it. @throws RangeError for a target that does not exist */
export function startCluster(target: string): Promise<Cluster> {
  const start = targets[target]
  if (start === undefined) {
    throw new RangeError(`unknown target ${target}: choose ${Object.keys(targets).join(' or ')}`)
  }
  return start()
}
