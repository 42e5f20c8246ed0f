/**
 * Which processes belong to this cluster, on disk, so that the next start finds and ends what a
 * killed cluster left behind. One file per container run.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { untilGroupIsEmpty } from './container-process.ts'
import { environmentVariable, groupMembers, isRunning, sendSignal } from './process-table.ts'

/** How long what is left may end by itself before it is killed. */
export const REMNANT_GRACE_MS = 2000

/** Every process of a container carries its run's id in its environment. */
export const containerIdVariable = 'MINIREDIS_CONTAINER_ID'

const recordSchema = z.object({ containerId: z.string(), pid: z.int(), startTicks: z.number() })

export type ProcessRecord = z.output<typeof recordSchema>

export class ProcessRecords {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  async add(record: ProcessRecord): Promise<void> {
    await mkdir(this.#directory, { recursive: true })
    await writeFile(this.#path(record.containerId), JSON.stringify(record))
  }

  async remove(containerId: string): Promise<void> {
    await rm(this.#path(containerId), { force: true })
  }

  /** Ends every recorded process that still runs; resolves when none does. Returns how many did. */
  async endRemnants(clock: Clock): Promise<number> {
    const records = await this.#list()
    const ended = await Promise.all(records.map((record) => endRemnant(record, clock)))
    await Promise.all(records.map((record) => this.remove(record.containerId)))
    return ended.filter((wasRunning) => wasRunning).length
  }

  async #list(): Promise<readonly ProcessRecord[]> {
    const names = await readdir(this.#directory).catch(() => [])
    const texts = await Promise.all(
      names.map((name) => readFile(join(this.#directory, name), 'utf8').catch(() => '')),
    )
    return texts.flatMap((text) => {
      const parsed = recordSchema.safeParse(parseJson(text))
      return parsed.success ? [parsed.data] : []
    })
  }

  #path(containerId: string): string {
    return join(this.#directory, `${containerId}.json`)
  }
}

/**
 * Members of the recorded group that are ours for certain: the group is, when its leader has the
 * recorded start time, and otherwise each process that carries the run's id.
 */
function remnants(record: ProcessRecord) {
  const members = groupMembers(record.pid)
  if (isRunning(record)) return members
  return members.filter(
    ({ pid }) => environmentVariable(pid, containerIdVariable) === record.containerId,
  )
}

async function endRemnant(record: ProcessRecord, clock: Clock): Promise<boolean> {
  if (remnants(record).length === 0) return false
  const giveUpAt = clock.now() + REMNANT_GRACE_MS
  while (remnants(record).length > 0 && clock.now() < giveUpAt) {
    await new Promise<void>((resolve) => clock.after(20, resolve))
  }
  if (remnants(record).length === 0) return true
  sendSignal(-record.pid, 'SIGKILL')
  await untilGroupIsEmpty(record.pid, clock)
  return true
}

// A file that a crash cut short names nobody.
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
