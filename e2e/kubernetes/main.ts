/** The test cluster for people. Run without arguments for help. */
import { parseArgs } from 'node:util'
import {
  attachTestCluster,
  buildTestCluster,
  removeTestCluster,
  startTestCluster,
} from './index.ts'
import { binaryDirectory } from './layout.ts'
import { MissingRequirement } from './requirements.ts'

const usage = `A real Kubernetes on this machine, without Docker. Needs Linux and root.

  node e2e/kubernetes/main.ts <command> [--name tc]

  up               build what is missing, start a fresh cluster (10 s once built)
  down             stop it and remove everything it made
  status           its daemons
  build            only build: cluster, kubectl, helm
  load FILE        make the image in an OCI archive known to the node
  api stop|freeze|start   take the API server away and bring it back
  reach HOST PORT  a port of 127.0.0.1 that leads to an address of the cluster, until Ctrl-C
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { name: { type: 'string', default: 'tc' } },
})
const [command = 'help', ...rest] = positionals

const commands: Readonly<Record<string, () => Promise<void>>> = {
  up,
  down: () => removeTestCluster(values.name),
  status,
  build: async () => console.log(await buildTestCluster()),
  load: async () => (await running()).importImage(rest[0] ?? ''),
  api,
  reach,
}

const run = commands[command]
if (run === undefined) console.log(usage)
else await run().catch(explain)

/** What the person can mend is said in one line; everything else is a fault and shows its trace. */
function explain(error: unknown): void {
  console.error(error instanceof MissingRequirement ? error.message : error)
  process.exitCode = 1
}

async function up(): Promise<void> {
  const cluster = await startTestCluster({ name: values.name })
  console.log(`\nexport KUBECONFIG=${cluster.kubeconfig}\nexport PATH=${binaryDirectory}:$PATH`)
}

async function status(): Promise<void> {
  for (const [name, runs] of (await running()).status()) {
    console.log(`${name.padEnd(24)} ${runs ? 'running' : 'ended'}`)
  }
}

async function api(): Promise<void> {
  const cluster = await running()
  const [what] = rest
  if (what === 'start') await cluster.startApiServer()
  else await cluster.stopApiServer(what === 'freeze' ? 'freeze' : 'kill')
}

async function reach(): Promise<void> {
  const [host = '', port = ''] = rest
  const door = await (await running()).reach({ host, port: Number(port) })
  console.log(`127.0.0.1:${door.port} leads to ${host}:${port}`)
}

async function running() {
  const cluster = await attachTestCluster(values.name)
  if (cluster !== undefined) return cluster
  throw new MissingRequirement(`no cluster ${values.name} is up: node e2e/kubernetes/main.ts up`)
}
