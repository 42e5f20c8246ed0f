/** What is where below MINIREDIS_HOME, and the few facts that outlive a run. */
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const TOKEN_BYTES = 32

const factsSchema = z.object({
  token: z.string().min(32),
  apiPort: z.int().min(1).max(65_535).optional(),
  loopbackRange: z.int().min(0).optional(),
})

export type HomeFacts = z.output<typeof factsSchema>

export interface Home {
  readonly directory: string
  readonly database: string
  readonly kubeconfig: string
  readonly facts: string
  readonly apiCertificate: string
  readonly apiKey: string
  readonly daemon: string
  readonly daemonLog: string
  readonly operatorLog: string
  readonly volumes: string
  readonly kubelet: string
}

export function homeAt(directory: string): Home {
  return {
    directory,
    database: join(directory, 'cluster.sqlite'),
    kubeconfig: join(directory, 'kubeconfig'),
    facts: join(directory, 'facts.json'),
    apiCertificate: join(directory, 'api.crt'),
    apiKey: join(directory, 'api.key'),
    daemon: join(directory, 'daemon.json'),
    daemonLog: join(directory, 'cluster.log'),
    operatorLog: join(directory, 'operator.log'),
    volumes: join(directory, 'volumes'),
    kubelet: join(directory, 'kubelet'),
  }
}

/** The directory, for its owner only, because it holds Secrets. Returns the remembered facts. */
export function openHome(home: Home): HomeFacts {
  mkdirSync(home.directory, { recursive: true, mode: 0o700 })
  chmodSync(home.directory, 0o700)
  if (!existsSync(home.facts)) return { token: randomBytes(TOKEN_BYTES).toString('base64url') }
  const parsed = factsSchema.safeParse(parseJson(readFileSync(home.facts, 'utf8')))
  if (parsed.success) return parsed.data
  throw new Error(`${home.facts} is damaged: repair it, or start anew with make down DATA=delete`)
}

export async function rememberFacts(home: Home, facts: HomeFacts): Promise<void> {
  await writeFile(home.facts, `${JSON.stringify(facts, null, 2)}\n`, { mode: 0o600 })
}

/** Removes what a cluster wrote, and nothing else that may lie there. */
export async function deleteHome(home: Home): Promise<void> {
  const names = existsSync(home.directory) ? readdirSync(home.directory) : []
  const { directory, ...files } = home
  const own = Object.values(files)
  const mine = names.filter((name) => own.some((path) => isPartOf(join(directory, name), path)))
  await Promise.all(mine.map((name) => rm(join(directory, name), { recursive: true, force: true })))
  if (names.length > 0 && mine.length === names.length) rmdirSync(directory)
}

// SQLite keeps cluster.sqlite-wal and -shm beside the database, logs their older part.
const isPartOf = (path: string, own: string): boolean =>
  path === own || path.startsWith(`${own}-`) || path.startsWith(`${own}.`)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
