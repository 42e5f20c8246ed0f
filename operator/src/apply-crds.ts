/**
 * `operator apply-crds <directory>`: applies every custom resource definition below a directory, as
 * the chart's hook does before an upgrade, and waits until the API serves them.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { type Clock, sleep } from './control/clock.ts'
import { OperatingError } from './control/outcome.ts'
import type { KubePort } from './kube/port.ts'
import { type CustomResourceDefinition, customResourceDefinitions } from './kube/resources.ts'

export const ESTABLISHED_MS_MAX = 30_000
const LOOK_MS = 200

const definitionSchema = z.looseObject({
  apiVersion: z.literal('apiextensions.k8s.io/v1'),
  kind: z.literal('CustomResourceDefinition'),
  metadata: z.looseObject({ name: z.string().min(1) }),
})

export interface ApplyCrdsPorts {
  readonly kube: Pick<KubePort, 'apply' | 'get'>
  readonly clock: Clock
  readonly onApplied: (name: string) => void
}

/** @throws Error when a file holds something else, KubeError when the API refuses one */
export async function applyCrds(directory: string, ports: ApplyCrdsPorts): Promise<void> {
  const definitions = await readDefinitions(directory)
  if (definitions.length === 0) throw new Error(`${directory} holds no definitions`)
  for (const definition of definitions) {
    await ports.kube.apply(customResourceDefinitions, definition)
    await established(definition.metadata.name, ports)
    ports.onApplied(definition.metadata.name)
  }
}

async function readDefinitions(directory: string): Promise<readonly CustomResourceDefinition[]> {
  const files = (await readdir(directory)).filter((file) => /\.ya?ml$/.test(file)).sort()
  const texts = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')))
  return texts.flatMap((text, index) => parseDefinitions(text, files[index] ?? ''))
}

function parseDefinitions(text: string, file: string): CustomResourceDefinition[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [problem] = document.errors
    if (problem !== undefined) throw new Error(`${file}: ${problem.message}`, { cause: problem })
    const value: unknown = document.toJS()
    if (value === null) return []
    const parsed = definitionSchema.safeParse(value)
    if (!parsed.success) throw new Error(`${file} holds something that is no definition`)
    return [parsed.data as unknown as CustomResourceDefinition]
  })
}

async function established(name: string, { kube, clock }: ApplyCrdsPorts): Promise<void> {
  const endMs = clock.monotonic() + ESTABLISHED_MS_MAX
  while (!isEstablished(await kube.get(customResourceDefinitions, { name }))) {
    if (clock.monotonic() > endMs) {
      throw new OperatingError('NotEstablished', `${name} was applied but is not served`)
    }
    await sleep(clock, LOOK_MS)
  }
}

const isEstablished = (definition: CustomResourceDefinition | undefined): boolean =>
  definition?.status?.conditions?.some(
    ({ type, status }) => type === 'Established' && status === 'True',
  ) ?? false
