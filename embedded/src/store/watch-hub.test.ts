import assert from 'node:assert/strict'
import { openTestApi } from '../testing.ts'
import type { ApiError } from './api-error.ts'
import type { WatchEvent, WatchOptions } from './api-store.ts'
import { Journal } from './journal.ts'
import type { KubeObject } from './kube-object.ts'
import { ObjectTable } from './object-table.ts'
import { resources } from './resources.ts'
import { WATCH_BACKLOG_MAX, WatchHub } from './watch-hub.ts'

const { configMaps } = resources
const map = (name: string, labels: Record<string, string> = {}) => ({
  metadata: { namespace: 'default', name, labels },
})
const key = (name: string) => ({ namespace: 'default', name })
const relabel = (labels: Record<string, string | null>) =>
  ({ kind: 'merge', body: { metadata: { labels } } }) as const

function watching(options: WatchOptions = {}, overrides = {}) {
  const api = openTestApi(overrides)
  const seen: string[] = []
  const events: WatchEvent[] = []
  const watch = () =>
    api.store.watch(configMaps, options, (event) => {
      events.push(event)
      const name = event.type === 'ERROR' ? event.object.reason : event.object.metadata.name
      seen.push(`${event.type} ${name ?? ''}`.trim())
    })
  return { ...api, seen, events, watch }
}

describe('a watch', () => {
  it('shows what exists, then what changes, never within the call', () => {
    const { store, settle, seen, watch } = watching()
    store.create(configMaps, map('a'))
    watch()
    store.create(configMaps, map('b'))
    assert.deepEqual(seen, [])
    store.patch(configMaps, key('a'), relabel({ x: 'y' }))
    store.delete(configMaps, key('b'))
    settle()
    assert.deepEqual(seen, ['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED b'])
  })

  it('goes on after a resourceVersion', () => {
    const { store, settle, seen } = watching()
    const { metadata } = store.create(configMaps, map('a'))
    store.create(configMaps, map('b'))
    const { resourceVersion } = metadata
    store.watch(configMaps, { resourceVersion }, ({ type }) => seen.push(type))
    settle()
    assert.deepEqual(seen, ['ADDED'])
  })

  it('calls joining and leaving a selection ADDED and DELETED', () => {
    const { store, settle, seen, events, watch } = watching({ labelSelector: 'app=x' })
    store.create(configMaps, map('a'))
    watch()
    store.patch(configMaps, key('a'), relabel({ app: 'x' }))
    store.patch(configMaps, key('a'), relabel({ app: 'x', more: 'y' }))
    store.patch(configMaps, key('a'), relabel({ app: null }))
    store.delete(configMaps, key('a'))
    settle()
    assert.deepEqual(seen, ['ADDED a', 'MODIFIED a', 'DELETED a'])
    const left = events.at(-1)
    assert.equal(left?.type === 'DELETED' && left.object.metadata.labels?.app, 'x')
  })

  it('is refused with 410 when history does not reach back', () => {
    const { store } = openTestApi({ historyEventsMax: 5 })
    const { metadata } = store.create(configMaps, map('a'))
    for (let i = 0; i < 20; i += 1) store.create(configMaps, map(`b${i}`))
    const { resourceVersion } = metadata
    assert.throws(
      () => store.watch(configMaps, { resourceVersion }, () => {}),
      (error: ApiError) => error.code === 410 && error.reason === 'Expired',
    )
  })

  it('is refused for a resourceVersion of the future', () => {
    const { store } = openTestApi()
    assert.throws(
      () => store.watch(configMaps, { resourceVersion: '999' }, () => {}),
      (error: ApiError) => error.code === 504,
    )
  })

  it('ends the initial events with a bookmark, and sends more when asked', () => {
    const { store, settle, seen, events, watch } = watching({
      sendInitialEvents: true,
      allowWatchBookmarks: true,
    })
    store.create(configMaps, map('a'))
    const opened = watch()
    settle()
    assert.deepEqual(seen, ['ADDED a', 'BOOKMARK'])
    const [, end] = events
    assert.deepEqual(end?.type === 'BOOKMARK' && end.object.metadata.annotations, {
      'k8s.io/initial-events-end': 'true',
    })
    const { metadata } = store.create(configMaps, map('b'))
    opened.bookmark()
    settle()
    const last = events.at(-1)
    assert.equal(
      last?.type === 'BOOKMARK' && last.object.metadata.resourceVersion,
      metadata.resourceVersion,
    )
  })

  it('sends nothing after it is closed', () => {
    const { store, settle, seen, watch } = watching()
    const opened = watch()
    store.create(configMaps, map('a'))
    opened.close()
    settle()
    assert.deepEqual(seen, [])
  })

  it('loses events and ends when a fault hook says so', () => {
    const verdicts = ['drop', 'deliver', 'close', 'deliver'] as const
    let next = 0
    const faults = { deliver: () => verdicts[next++] ?? 'deliver' }
    const { store, settle, seen, watch } = watching({}, { faults })
    let isClosed = false
    watch().onClose(() => {
      isClosed = true
    })
    for (const name of ['a', 'b', 'c', 'd']) store.create(configMaps, map(name))
    settle()
    assert.deepEqual(seen, ['ADDED b'])
    assert.equal(isClosed, true)
  })

  it(`is ended with 410 when it is more than ${WATCH_BACKLOG_MAX} events behind`, () => {
    const table = new ObjectTable(new Journal(':memory:'), 10)
    const tasks: (() => void)[] = []
    const hub = new WatchHub(table, (task) => tasks.push(task), undefined)
    const seen: string[] = []
    const spec = {
      call: { verb: 'watch', resource: configMaps, key: {} } as const,
      collection: 'configmaps',
      apiVersion: 'v1',
      kind: 'ConfigMap',
      matches: () => true,
      afterRevision: undefined,
      endsInitialEventsWithBookmark: false,
      allowsBookmarks: false,
      convert: (object: KubeObject) => object,
    }
    hub.open(spec, ({ type }) => seen.push(type))
    const commit = () =>
      table.commit('configmaps', undefined, (resourceVersion) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'a', uid: 'u', resourceVersion, creationTimestamp: '' },
      }))
    for (let i = 0; i < WATCH_BACKLOG_MAX; i += 1) commit()
    for (const task of tasks.splice(0)) task()
    assert.equal(seen.length, WATCH_BACKLOG_MAX)
    for (let i = 0; i <= WATCH_BACKLOG_MAX; i += 1) commit()
    for (const task of tasks.splice(0)) task()
    assert.deepEqual(seen.slice(WATCH_BACKLOG_MAX), ['ERROR'])
    table.close()
  })
})
