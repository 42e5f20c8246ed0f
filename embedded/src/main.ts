/** The embedded cluster's program: `node embedded/src/main.ts up|down|status|run`. */
import { down, status, up } from './cluster/commands.ts'
import { runCluster, stopCluster } from './cluster/daemon.ts'
import { homeAt } from './cluster/home.ts'
import { parseSettings, type Settings } from './cluster/settings.ts'

const say = (line: string): void => console.log(line)

const stamped = (message: string): void => console.log(`${new Date().toISOString()} ${message}`)

async function run(settings: Settings): Promise<void> {
  const cluster = await runCluster(settings, stamped)
  const signal = await new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name))
  })
  stamped(`Stopping after ${signal}`)
  await stopCluster(cluster, homeAt(settings.home))
  stamped('Stopped')
}

async function main(): Promise<number> {
  const settings = parseSettings(process.argv.slice(2), process.env, process.cwd())
  switch (settings.verb) {
    case 'up':
      await up({ settings, program: import.meta.filename, environment: process.env }, say)
      return 0
    case 'down':
      await down(settings, say)
      return 0
    case 'status':
      return (await status(settings, say)) ? 0 : 1
    case 'run':
      await run(settings)
      return 0
  }
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error))
  return 1
})
