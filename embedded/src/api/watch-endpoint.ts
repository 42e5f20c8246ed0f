/** A watch over HTTP: one JSON object for each event, until somebody ends it. */
import type { ResourceDefinition } from '../registry/resource-definition.ts'
import { forbiddenValue } from '../schema/field-error.ts'
import { invalidOptions, isApiError } from '../store/api-error.ts'
import type { ApiStore, Watch, WatchEvent } from '../store/api-store.ts'
import type { Answer } from './content-type.ts'
import type { Exchange } from './exchange.ts'
import { versionMatch } from './options.ts'
import type { ResourcePath } from './request-path.ts'
import { buildTable, type IncludeObject, metadataView } from './table.ts'
import type { ApiTimers } from './timers.ts'

/** A reader that is this far behind is cut off; it lists again. */
export const WATCH_UNSENT_BYTES_MAX = 16 * 1024 * 1024
const BOOKMARK_INTERVAL_MS = 30_000
const TIMEOUT_DEFAULT_SECONDS = 2_400

interface WatchRequest {
  readonly store: ApiStore
  readonly definition: ResourceDefinition
  readonly path: ResourcePath
  readonly answer: Answer
  readonly timers: ApiTimers
  readonly includeObject: IncludeObject
}

/**
 * Side effects in order: opens the watch (which may throw), sends headers, then events. History that
 * is forgotten is said in an event, as Kubernetes does: the request itself was good.
 */
export function serveWatch(exchange: Exchange, request: WatchRequest): void {
  const { store, definition, timers } = request
  const { response } = exchange
  let hasColumns = true
  const encode = (event: WatchEvent): string => {
    const object = encodeObject(event, request, hasColumns)
    if (event.type !== 'ERROR') hasColumns = false
    return `${JSON.stringify({ type: event.type, object })}\n`
  }
  const options = watchOptions(exchange, request)
  let watch: Watch
  try {
    watch = store.watch(definition.resource, options, (event) => {
      response.write(encode(event))
      if (response.writableLength > WATCH_UNSENT_BYTES_MAX) response.destroy()
    })
  } catch (error) {
    if (!isApiError(error, 'Expired')) throw error
    sendHeaders(exchange)
    response.end(`${JSON.stringify({ type: 'ERROR', object: error.status })}\n`)
    return
  }
  sendHeaders(exchange)
  const seconds = exchange.number('timeoutSeconds') || TIMEOUT_DEFAULT_SECONDS
  endWith(watch, exchange, timers, seconds)
}

function sendHeaders(exchange: Exchange): void {
  exchange.response.writeHead(200, {
    'content-type': 'application/json',
    'cache-control': 'no-cache, private',
    ...exchange.warningHeader(),
  })
  exchange.response.flushHeaders()
}

function endWith(watch: Watch, exchange: Exchange, timers: ApiTimers, seconds: number): void {
  const { response } = exchange
  const stopBookmarks = timers.every(BOOKMARK_INTERVAL_MS, () => watch.bookmark())
  const stopTimeout = timers.after(seconds * 1_000, () => response.end())
  watch.onClose(() => response.end())
  response.on('close', () => {
    stopBookmarks()
    stopTimeout()
    watch.close()
  })
}

const noMatch = (why: string) =>
  invalidOptions('ListOptions', [forbiddenValue('resourceVersionMatch', why)])

function watchOptions(exchange: Exchange, { path }: WatchRequest) {
  const sendInitialEvents = exchange.query('sendInitialEvents')
  const match = versionMatch(exchange)
  if (sendInitialEvents === 'true' && match !== 'NotOlderThan')
    throw noMatch('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  if (match !== undefined && sendInitialEvents === undefined)
    throw noMatch(
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    )
  const byName = path.name === undefined ? undefined : `metadata.name=${path.name}`
  return {
    namespace: path.namespace,
    labelSelector: exchange.query('labelSelector'),
    fieldSelector: byName ?? exchange.query('fieldSelector'),
    resourceVersion: exchange.query('resourceVersion'),
    allowWatchBookmarks: exchange.isSet('allowWatchBookmarks'),
    ...(sendInitialEvents !== undefined && { sendInitialEvents: sendInitialEvents === 'true' }),
  }
}

function encodeObject(event: WatchEvent, request: WatchRequest, hasColumns: boolean): unknown {
  const { definition, answer, includeObject, timers } = request
  if (event.type === 'ERROR' || answer.form === 'object') return event.object
  if (answer.form === 'metadata') return metadataView(event.object)
  const { resourceVersion } = event.object.metadata
  const rows = event.type === 'BOOKMARK' ? [] : [event.object]
  return buildTable(
    rows,
    { resourceVersion },
    {
      definition,
      nowMs: timers.now(),
      includeObject,
      hasColumns,
    },
  )
}
