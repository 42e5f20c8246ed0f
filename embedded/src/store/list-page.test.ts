import assert from 'node:assert/strict'
import { openTestApi } from '../testing.ts'
import { resources } from './resources.ts'
import { REQUIREMENTS_MAX } from './selectors.ts'

const { configMaps } = resources
const at = (name: string, labels = {}) => ({ metadata: { namespace: 'default', name, labels } })
const names = ({ items }: { items: readonly { metadata: { name: string } }[] }) =>
  items.map(({ metadata }) => metadata.name)

describe('a list', () => {
  it('shows one revision on all its pages', () => {
    const { store } = openTestApi()
    for (const name of ['a', 'b', 'c', 'd', 'e']) store.create(configMaps, at(name))
    const first = store.list(configMaps, { limit: 2 })
    assert.deepEqual(names(first), ['a', 'b'])
    assert.equal(first.metadata.remainingItemCount, 3)
    store.delete(configMaps, { namespace: 'default', name: 'c' })
    store.create(configMaps, at('bb'))
    const rest = store.list(configMaps, { continue: first.metadata.continue })
    assert.deepEqual(names(rest), ['c', 'd', 'e'])
    assert.equal(rest.metadata.resourceVersion, first.metadata.resourceVersion)
    assert.deepEqual(names(store.list(configMaps)), ['a', 'b', 'bb', 'd', 'e'])
  })

  it('answers 410 when the revision of its first page is forgotten', () => {
    const { store } = openTestApi({ historyEventsMax: 5 })
    for (const name of ['a', 'b', 'c']) store.create(configMaps, at(name))
    const { metadata } = store.list(configMaps, { limit: 1 })
    for (let i = 0; i < 20; i += 1) store.create(configMaps, at(`x${i}`))
    assert.throws(
      () => store.list(configMaps, { continue: metadata.continue }),
      (error: { code: number }) => error.code === 410,
    )
    assert.throws(() => store.list(configMaps, { continue: 'nonsense' }), /continue key/)
  })

  const selections: readonly [options: Record<string, string>, expected: readonly string[]][] = [
    [{ labelSelector: 'app=x' }, ['a', 'b']],
    [{ labelSelector: 'app!=x' }, ['c']],
    [{ labelSelector: 'app in (x, y),tier' }, ['b']],
    [{ labelSelector: 'app notin (x)' }, ['c']],
    [{ labelSelector: '!app' }, ['c']],
    [{ labelSelector: '!constructor' }, ['a', 'b', 'c']],
    [{ fieldSelector: 'metadata.name=b' }, ['b']],
    [{ fieldSelector: 'metadata.name!=b,metadata.namespace=default' }, ['a', 'c']],
  ]
  for (const [options, expected] of selections) {
    it(`selects by ${JSON.stringify(options)}`, () => {
      const { store } = openTestApi()
      store.create(configMaps, at('a', { app: 'x' }))
      store.create(configMaps, at('b', { app: 'x', tier: '1' }))
      store.create(configMaps, at('c'))
      assert.deepEqual(names(store.list(configMaps, options)), expected)
    })
  }

  it('refuses selectors that it does not understand', () => {
    const { store } = openTestApi()
    assert.throws(() => store.list(configMaps, { labelSelector: 'a b' }), /unable to parse/)
    assert.throws(
      () => store.list(configMaps, { fieldSelector: 'data.x=1' }),
      /field label not supported: data.x/,
    )
  })

  it(`takes ${REQUIREMENTS_MAX} requirements and no more`, () => {
    const { store } = openTestApi()
    const many = (count: number) => ({ labelSelector: Array(count).fill('a').join() })
    assert.equal(store.list(configMaps, many(REQUIREMENTS_MAX)).items.length, 0)
    assert.throws(() => store.list(configMaps, many(REQUIREMENTS_MAX + 1)), /at most 100/)
  })
})
