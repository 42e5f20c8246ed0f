import assert from 'node:assert/strict'
import { ObjectCache } from './cache.ts'
import type { KubeObject, Stored } from './object.ts'

const object = (key: string, resourceVersion: string, labels = {}): Stored<KubeObject> => {
  const [namespace = '', name = ''] = key.split('/')
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, uid: name, resourceVersion, labels },
  }
}
const namesOf = (objects: readonly KubeObject[]) => objects.map(({ metadata }) => metadata.name)

describe('cache', () => {
  it('lists in the order of keys, one namespace or all', () => {
    const cache = new ObjectCache()
    for (const key of ['b/y', 'a/z', 'b/x']) cache.put(object(key, '1'))
    assert.deepEqual(namesOf(cache.list()), ['z', 'x', 'y'])
    assert.deepEqual(namesOf(cache.list('b')), ['x', 'y'])
    assert.equal(cache.get({ namespace: 'a', name: 'z' })?.metadata.uid, 'z')
    assert.equal(cache.get({ namespace: 'a', name: 'x' }), undefined)
  })

  it('finds by an indexed label, also after it changed or went', () => {
    const cache = new ObjectCache(['pool'])
    cache.put(object('a/x', '1', { pool: 'p' }))
    cache.put(object('a/y', '1', { pool: 'p' }))
    cache.put(object('a/x', '2', { pool: 'q' }))
    assert.deepEqual(namesOf(cache.withLabel('pool', 'p')), ['y'])
    assert.deepEqual(namesOf(cache.withLabel('pool', 'q')), ['x'])
    cache.remove(object('a/y', '3'))
    assert.deepEqual(cache.withLabel('pool', 'p'), [])
    assert.throws(() => cache.withLabel('zone', 'z'), /no index of label zone/)
  })

  it('tells of changes with what was there before, and of nothing else', () => {
    const cache = new ObjectCache()
    const seen: string[] = []
    cache.onChange((now, before) =>
      seen.push(`${now.metadata.resourceVersion} after ${before?.metadata.resourceVersion}`),
    )
    cache.put(object('a/x', '1'))
    cache.put(object('a/x', '1'))
    cache.put(object('a/x', '2'))
    cache.remove(object('a/x', '3'))
    cache.remove(object('a/x', '3'))
    assert.deepEqual(seen, ['1 after undefined', '2 after 1', '2 after 2'])
  })

  it('is synced by a complete list, not by single objects', () => {
    const cache = new ObjectCache()
    cache.put(object('a/x', '1'))
    assert.equal(cache.synced, false)
    cache.replace([])
    assert.deepEqual([cache.synced, cache.size], [true, 0])
  })
})
