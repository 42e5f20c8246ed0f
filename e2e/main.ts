/**
 * `node e2e/main.ts embedded|kubernetes [--grep TEXT]`: the user stories against one target, from
 * nothing and back to nothing.
 */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Mocha from 'mocha'
import { setCluster } from './src/story.ts'
import { startCluster } from './src/targets.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { grep: { type: 'string' } },
})
const target = positionals[0] ?? 'embedded'
const cluster = await startCluster(target)
setCluster(cluster)
try {
  process.exitCode = (await runStories()) === 0 ? 0 : 1
} finally {
  await cluster.stop()
}

/** Stories that both targets share, and those of this target alone. The number of failures. */
async function runStories(): Promise<number> {
  const mocha = new Mocha({ forbidOnly: true, forbidPending: true, failZero: true })
  if (values.grep !== undefined) mocha.grep(values.grep)
  const files = globSync(join(import.meta.dirname, `{stories,${target}}/*.story.ts`))
  for (const file of files.sort()) mocha.addFile(file)
  await mocha.loadFilesAsync()
  return new Promise((resolve) => mocha.run(resolve))
}
