/**
 * `node e2e/main.ts embedded|kubernetes [--grep TEXT]`: the user stories against one target, from
 * nothing and back to nothing.
 */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Mocha from 'mocha'
import type { Cluster } from './src/cluster.ts'
import { startEmbeddedCluster } from './src/embedded-cluster.ts'
import { startKubernetesCluster } from './src/kubernetes-cluster.ts'
import { setCluster } from './src/story.ts'

const targets: Readonly<Record<string, () => Promise<Cluster>>> = {
  embedded: startEmbeddedCluster,
  kubernetes: startKubernetesCluster,
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { grep: { type: 'string' } },
})
const start = targets[positionals[0] ?? '']
if (start === undefined) {
  console.error(`usage: node e2e/main.ts ${Object.keys(targets).join('|')} [--grep TEXT]`)
  process.exit(2)
}

const cluster = await start()
setCluster(cluster)
try {
  process.exitCode = (await runStories()) === 0 ? 0 : 1
} finally {
  await cluster.stop()
}

async function runStories(): Promise<number> {
  const mocha = new Mocha({ forbidOnly: true, forbidPending: true, failZero: true })
  if (values.grep !== undefined) mocha.grep(values.grep)
  const files = globSync(join(import.meta.dirname, `{stories,${positionals[0]}}/*.story.ts`))
  for (const file of files.sort()) mocha.addFile(file)
  await mocha.loadFilesAsync()
  return new Promise((resolve) => mocha.run(resolve))
}
