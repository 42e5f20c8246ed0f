/**
 * Requests that every Kubernetes answers in the same way, sent as they are: what the operator, kubectl
 * and stock clients rely on. The embedded cluster follows the real one row by row.
 */
import assert from 'node:assert/strict'
import { creating, replacing } from '../src/api/creating.ts'
import { deleting } from '../src/api/deleting.ts'
import { applying, isolating, patching } from '../src/api/patching.ts'
import { RawApi } from '../src/api/raw-api.ts'
import { reading, routing } from '../src/api/reading.ts'
import {
  fresh,
  get,
  gone,
  map,
  maps,
  patch,
  post,
  refused,
  remove,
  row,
} from '../src/api/requests.ts'
import { runTable } from '../src/api/table.ts'
import { eventually } from '../src/eventually.ts'
import { story } from '../src/story.ts'

type Event = { type: string; object: { metadata: Record<string, unknown>; code?: number } }

const told = (events: readonly unknown[]) =>
  (events as Event[]).map(
    ({ type, object }) => `${type} ${object.metadata.name ?? object.code ?? ''}`,
  )

describe('api', () => {
  for (const [title, rows] of Object.entries({
    'reads and selects': reading,
    'creates, fills in and refuses': creating,
    'replaces what has not changed': replacing,
    'patches in three ways': patching,
    'applies and shares fields': applying,
    'keeps spec, status and scale apart': isolating,
    'deletes when nothing holds': deleting,
    'says what it does not do': routing,
  })) {
    story(title, async ({ cluster, namespace }) => {
      await runTable(new RawApi(cluster.kubeconfig), namespace, rows)
    })
  }

  story('watches from the start, from a version and by selector', async (stage) => {
    const api = new RawApi(stage.cluster.kubeconfig)
    const path = maps.replace('{ns}', stage.namespace)
    const from = await api.call(get(path))
    const { resourceVersion } = from.body.metadata as { resourceVersion: string }
    await runTable(api, stage.namespace, [
      ...fresh,
      row('gone', remove(`${maps}/c`), { code: 200 }),
    ])
    const watch = (query: string, count: number) =>
      api.watch(`${path}?watch=true&timeoutSeconds=20&${query}`, ({ length }) => length >= count)
    const later = await watch(`resourceVersion=${resourceVersion}&labelSelector=app`, 4)
    assert.deepEqual(told(later), ['ADDED a', 'ADDED b', 'ADDED c', 'DELETED c'])
    const one = await watch(`resourceVersion=${resourceVersion}&fieldSelector=metadata.name%3Db`, 1)
    assert.deepEqual(told(one), ['ADDED b'])
    const initial = await watch(
      'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=app',
      3,
    )
    assert.deepEqual(told(initial), ['ADDED a', 'ADDED b', 'BOOKMARK '])
    const { metadata } = (initial[2] as Event).object
    assert.deepEqual(metadata.annotations, { 'k8s.io/initial-events-end': 'true' })
    assert.match(String(metadata.resourceVersion), /^\d+$/)
    await runTable(api, stage.namespace, [
      row('no match', get(`${maps}?watch=true&sendInitialEvents=true`), {
        ...refused(422, 'Invalid', { causes: ['resourceVersionMatch'] }),
      }),
      row('a match alone', get(`${maps}?watch=true&resourceVersionMatch=NotOlderThan`), {
        ...refused(422, 'Invalid', { causes: ['resourceVersionMatch'] }),
      }),
    ])
  })

  story('an object that leaves a selector is deleted to its watchers', async (stage) => {
    const api = new RawApi(stage.cluster.kubeconfig)
    await runTable(api, stage.namespace, fresh)
    const path = maps.replace('{ns}', stage.namespace)
    const { body } = await api.call(get(`${path}?labelSelector=app%3Dy`))
    const { resourceVersion } = body.metadata as { resourceVersion: string }
    await runTable(api, stage.namespace, [
      row('in', patch('merge', `${maps}/a`, { metadata: { labels: { app: 'y' } } }), { code: 200 }),
      row('changed', patch('merge', `${maps}/a`, { data: { x: '2' } }), { code: 200 }),
      row('out', patch('merge', `${maps}/a`, { metadata: { labels: { app: 'x' } } }), {
        code: 200,
      }),
    ])
    const query = `watch=true&timeoutSeconds=20&labelSelector=app%3Dy&resourceVersion=${resourceVersion}`
    const events = await api.watch(`${path}?${query}`, ({ length }) => length >= 3)
    assert.deepEqual(told(events), ['ADDED a', 'MODIFIED a', 'DELETED a'])
  })

  for (const [policy, fate] of [
    ['Background', 'goes'],
    ['Foreground', 'goes first'],
    ['Orphan', 'stays'],
  ] as const) {
    story(`what an object owns ${fate} with ${policy} deletion`, async (stage) => {
      const api = new RawApi(stage.cluster.kubeconfig)
      const owned = (uid: string) => ({
        ownerReferences: [
          { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid, blockOwnerDeletion: true },
        ],
      })
      await runTable(api, stage.namespace, [
        row('owner', post(maps, map('owner')), { code: 201 }, 'owner'),
        row('owned', post(maps, map('owned', {}, owned('$owner.uid'))), { code: 201 }),
        row('delete', remove(`${maps}/owner`, { propagationPolicy: policy }), { code: 200 }),
      ])
      await eventually(() =>
        runTable(api, stage.namespace, [
          row('owner', get(`${maps}/owner`), gone),
          row(
            'owned',
            get(`${maps}/owned`),
            policy === 'Orphan'
              ? { code: 200, object: { metadata: { ownerReferences: undefined } } }
              : gone,
          ),
        ]),
      )
    })
  }
})
