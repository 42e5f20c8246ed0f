/**
 * Bytes of a watch into events: one JSON object per line, cut anywhere. No I/O.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import { z } from 'zod'
import { KubeError } from './errors.ts'
import { parseAnswer, type RawObject, rawObjectSchema } from './raw-object.ts'
import { parseStatus, statusError } from './status-error.ts'

/** etcd refuses objects above 1.5 MiB; as JSON with escapes they can be several times larger. */
export const WATCH_LINE_BYTES_MAX = 16 * 1024 * 1024

const NEWLINE = 0x0a

const eventSchema = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.looseObject({}),
})
const bookmarkSchema = z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string() }) })

export type RawEvent =
  | { readonly kind: 'added' | 'modified' | 'deleted'; readonly object: RawObject }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }

export class WatchDecoder {
  #pending: Buffer[] = []
  #pendingBytes = 0

  /** @throws KubeError for an ERROR event, garbage, or a line without end */
  decode(chunk: Buffer): RawEvent[] {
    const events: RawEvent[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...this.#pending, chunk.subarray(start, end)]).toString()
      this.#pending = []
      this.#pendingBytes = 0
      start = end + 1
      if (line.trim() !== '') events.push(parseEvent(line))
    }
    this.#keep(chunk.subarray(start))
    return events
  }

  #keep(rest: Buffer): void {
    this.#pendingBytes += rest.length
    if (this.#pendingBytes > WATCH_LINE_BYTES_MAX) {
      throw new KubeError('Malformed', `a watch event exceeded ${WATCH_LINE_BYTES_MAX} bytes`)
    }
    if (rest.length > 0) this.#pending.push(Buffer.from(rest))
  }
}

function parseEvent(line: string): RawEvent {
  const { type, object } = parseAnswer(eventSchema, parseLine(line))
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { kind: kinds[type], object: parseAnswer(rawObjectSchema, object) }
    case 'BOOKMARK':
      return { kind: 'bookmark', ...resourceVersionOf(parseAnswer(bookmarkSchema, object)) }
    case 'ERROR':
      throw watchError(object)
  }
}

const kinds = { ADDED: 'added', MODIFIED: 'modified', DELETED: 'deleted' } as const

const resourceVersionOf = ({ metadata }: z.output<typeof bookmarkSchema>) => ({
  resourceVersion: metadata.resourceVersion,
})

function watchError(object: unknown): KubeError {
  const body = parseStatus(JSON.stringify(object))
  return statusError({ status: body?.code ?? 500, body: body ?? 'unknown error', request: 'watch' })
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new KubeError('Malformed', 'a watch event is not JSON', { cause })
  }
}
