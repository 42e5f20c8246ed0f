/** What the program is told by its environment and its arguments, parsed once. */
import { resolve } from 'node:path'
import { z } from 'zod'

export const PORT_BASE_DEFAULT = 6001

const environmentSchema = z.object({
  /** Everything that the cluster writes is below it. */
  MINIREDIS_HOME: z.string().min(1).max(4096).default('.miniredis'),
  /** The first port of LoadBalancer and NodePort Services; the API has the port before it. */
  MINIREDIS_PORT_BASE: z.coerce.number().int().min(1025).max(63_000).default(PORT_BASE_DEFAULT),
})

export const verbs = ['up', 'down', 'status', 'run'] as const
export type Verb = (typeof verbs)[number]

export interface Settings {
  readonly verb: Verb
  readonly deletesData: boolean
  readonly home: string
  readonly portBase: number
  readonly apiPort: number
}

export const usage = `usage: node embedded/src/main.ts <command>

  up                    start the cluster in the background, with an example tenant
  down [--data=delete]  stop it and keep its objects, or delete them
  status                say what runs
  run                   run the cluster in the foreground

MINIREDIS_HOME       where everything is kept (.miniredis)
MINIREDIS_PORT_BASE  first port of Services (${PORT_BASE_DEFAULT}); the API has the port before it`

/** @throws Error with a message for people */
export function parseSettings(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  directory: string,
): Settings {
  const parsed = environmentSchema.safeParse(environment)
  if (!parsed.success) throw new Error(`wrong environment: ${z.prettifyError(parsed.error)}`)
  const [word, ...options] = args
  const verb = verbs.find((known) => known === word)
  if (verb === undefined) throw new Error(usage)
  const unknown = options.find((option) => verb !== 'down' || option !== '--data=delete')
  if (unknown !== undefined) throw new Error(`unknown option ${unknown}\n\n${usage}`)
  const { MINIREDIS_HOME, MINIREDIS_PORT_BASE } = parsed.data
  return {
    verb,
    deletesData: options.includes('--data=delete'),
    home: resolve(directory, MINIREDIS_HOME),
    portBase: MINIREDIS_PORT_BASE,
    apiPort: MINIREDIS_PORT_BASE - 1,
  }
}
