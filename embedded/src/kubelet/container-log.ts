/**
 * The log of one container run, in the format of the Container Runtime Interface:
 *
 *   2026-05-01T10:00:00.123Z stdout F a whole line
 *   2026-05-01T10:00:00.124Z stderr P the first part of a line longer than LOG_LINE_BYTES_MAX
 *
 * Two files of LOG_FILE_BYTES_MAX at most: when the current one is full it takes the other's place.
 */
import { Buffer } from 'node:buffer'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { appendFile, mkdir, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export const LOG_FILE_BYTES_MAX = 4 * 1024 * 1024
export const LOG_LINE_BYTES_MAX = 16 * 1024

/** A follower that reads more slowly than this is left behind: its log ends. */
export const FOLLOWED_LINES_MAX = 10_000

export type LogStream = 'stdout' | 'stderr'

export interface LogReadOptions {
  /** Only the last lines. */
  readonly tailLines?: number | undefined
  /** Only lines written at or after this time, ms since 1970. */
  readonly sinceMs?: number | undefined
  /** Put each line's time before it. */
  readonly timestamps?: boolean | undefined
  /** Stay and yield new lines until the container ends. */
  readonly follow?: boolean | undefined
}

export interface LogLimits {
  readonly fileBytesMax: number
  readonly lineBytesMax: number
}

const defaultLimits: LogLimits = {
  fileBytesMax: LOG_FILE_BYTES_MAX,
  lineBytesMax: LOG_LINE_BYTES_MAX,
}

export class ContainerLog {
  readonly #path: string
  readonly #limits: LogLimits
  readonly #followers = new Set<Follower>()
  #bytes: number
  #writing: Promise<void> = Promise.resolve()
  #isOpen = true

  constructor(path: string, limits: LogLimits = defaultLimits) {
    this.#path = path
    this.#limits = limits
    this.#bytes = existsSync(path) ? statSync(path).size : 0
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Takes all that the stream gives; reads on only when the last chunk is written. */
  async consume(stream: Readable, name: LogStream, now: () => number): Promise<void> {
    let rest: Buffer = Buffer.alloc(0)
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        const { lines, remaining } = this.#split(Buffer.concat([rest, chunk]), name, now())
        rest = remaining
        await this.append(lines)
      }
    } catch {
      // A stream that breaks has ended; what came before is in the log.
    }
    if (rest.length > 0) await this.append([formatLine(now(), name, 'F', rest)])
  }

  /** Lines are complete, in the format above, without the line break. */
  async append(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return
    this.#writing = this.#writing.then(() => this.#write(lines)).catch(() => undefined)
    await this.#writing
  }

  close(): void {
    this.#isOpen = false
    for (const follower of this.#followers) follower.end()
  }

  async *read(options: LogReadOptions): AsyncGenerator<string> {
    const follower = new Follower()
    // Between two writes, so that no line is missed and none comes twice.
    const written = this.#writing.then(() => {
      if (options.follow === true && this.#isOpen) this.#followers.add(follower)
      else follower.end()
      return selectLines(this.#path, options)
    })
    this.#writing = written.then(
      () => undefined,
      () => undefined,
    )
    try {
      for (const line of await written) yield* presentLine(line, options)
      for await (const line of follower.lines()) yield* presentLine(line, options)
    } finally {
      this.#followers.delete(follower)
    }
  }

  async #write(lines: readonly string[]): Promise<void> {
    const text = `${lines.join('\n')}\n`
    if (this.#bytes + text.length > this.#limits.fileBytesMax && this.#bytes > 0) {
      await rename(this.#path, olderPath(this.#path))
      this.#bytes = 0
    }
    await mkdir(dirname(this.#path), { recursive: true })
    await appendFile(this.#path, text, { mode: 0o600 })
    this.#bytes += Buffer.byteLength(text)
    for (const follower of this.#followers) follower.push(lines)
  }

  #split(bytes: Buffer, name: LogStream, now: number): { lines: string[]; remaining: Buffer } {
    const lines: string[] = []
    const { lineBytesMax } = this.#limits
    let start = 0
    while (start < bytes.length) {
      const end = bytes.indexOf(10, start)
      const isLong = (end === -1 ? bytes.length : end) - start > lineBytesMax
      if (end === -1 && !isLong) break
      const stop = isLong ? start + lineBytesMax : end
      lines.push(formatLine(now, name, isLong ? 'P' : 'F', bytes.subarray(start, stop)))
      start = isLong ? stop : stop + 1
    }
    return { lines, remaining: bytes.subarray(start) }
  }
}

const olderPath = (path: string): string => `${path}.1`

function formatLine(now: number, name: LogStream, tag: 'F' | 'P', bytes: Buffer): string {
  return `${new Date(now).toISOString()} ${name} ${tag} ${bytes.toString('utf8')}`
}

/** Lines of a log whose container may be long gone. Yields text with its line breaks. */
export async function* readLogFiles(path: string, options: LogReadOptions): AsyncGenerator<string> {
  for (const line of await selectLines(path, options)) yield* presentLine(line, options)
}

async function selectLines(path: string, options: LogReadOptions): Promise<readonly string[]> {
  const lines: string[] = []
  for (const file of [olderPath(path), path].filter((file) => existsSync(file))) {
    for await (const line of createInterface({ input: createReadStream(file) })) lines.push(line)
  }
  const recent = lines.filter((line) => isSince(line, options.sinceMs))
  return options.tailLines === undefined ? recent : lastOf(recent, options.tailLines)
}

/** What one reader has not seen yet. */
class Follower {
  #pending: string[] = []
  #isEnded = false
  #wake: () => void = () => undefined

  push(lines: readonly string[]): void {
    this.#pending.push(...lines)
    if (this.#pending.length > FOLLOWED_LINES_MAX) this.#isEnded = true
    this.#wake()
  }

  end(): void {
    this.#isEnded = true
    this.#wake()
  }

  async *lines(): AsyncGenerator<string> {
    while (true) {
      const lines = this.#pending
      this.#pending = []
      yield* lines
      if (this.#pending.length > 0) continue
      if (this.#isEnded) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

const lastOf = <T>(items: readonly T[], count: number): readonly T[] =>
  items.slice(Math.max(0, items.length - count))

function isSince(line: string, sinceMs: number | undefined): boolean {
  return sinceMs === undefined || Date.parse(line.slice(0, line.indexOf(' '))) >= sinceMs
}

function* presentLine(line: string, { timestamps }: LogReadOptions): Generator<string> {
  const [time = '', , tag = 'F'] = line.split(' ', 3)
  const text = line.slice(time.length + ' stdout F '.length)
  yield `${timestamps === true ? `${time} ` : ''}${text}${tag === 'F' ? '\n' : ''}`
}
