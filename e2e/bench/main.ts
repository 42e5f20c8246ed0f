/**
 * `node e2e/bench/main.ts embedded|kubernetes`: what a tenant waits for and what the operator
 * costs, on one target. The machine is printed beside the figures.
 */
import { cpus, totalmem } from 'node:os'
import { startCluster } from '../src/targets.ts'
import { measureControlPlane } from './control-plane.ts'

const target = process.argv[2] ?? 'embedded'
const cluster = await startCluster(target)
try {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  console.log(`machine: ${cpus().length} x ${cpus()[0]?.model}, ${memory}; target: ${target}`)
  await measureControlPlane(cluster)
} finally {
  await cluster.stop()
}
