import assert from 'node:assert/strict'
import { openTestApi, widgetDefinition, widgets } from '../testing.ts'
import { EVENT_LIFETIME_MS, EVENTS_MAX } from './collector.ts'
import type { KubeObject } from './kube-object.ts'
import { resources } from './resources.ts'

const { configMaps, customResourceDefinitions, events, namespaces, secrets } = resources

const ownedBy = ({ apiVersion, kind, metadata }: KubeObject, blockOwnerDeletion = true) => ({
  apiVersion,
  kind,
  name: metadata.name,
  uid: metadata.uid,
  blockOwnerDeletion,
})

function family(finalizers: readonly string[] = []) {
  const api = openTestApi()
  const { store } = api
  const owner = store.create(configMaps, { metadata: { namespace: 'default', name: 'owner' } })
  const child = store.create(secrets, {
    metadata: {
      namespace: 'default',
      name: 'child',
      ownerReferences: [ownedBy(owner)],
      finalizers,
    },
  })
  api.settle()
  const has = (name: 'owner' | 'child') =>
    store.find(name === 'owner' ? configMaps : secrets, { namespace: 'default', name })
  return { ...api, owner, child, has }
}

describe('the collector', () => {
  it('deletes what nobody owns any more', () => {
    const { store, settle, owner, has } = family()
    store.delete(configMaps, owner.metadata as { name: string })
    assert.notEqual(has('child'), undefined)
    settle()
    assert.equal(has('child'), undefined)
  })

  it('keeps what another owner still holds, without the dangling reference', () => {
    const { store, settle, owner } = family()
    const other = store.create(configMaps, { metadata: { namespace: 'default', name: 'other' } })
    const ownerReferences = [ownedBy(owner), ownedBy(other)]
    const metadata = { namespace: 'default', name: 'both', ownerReferences }
    store.create(secrets, { metadata })
    store.delete(configMaps, { namespace: 'default', name: 'owner' })
    settle()
    const both = store.get(secrets, { namespace: 'default', name: 'both' })
    assert.deepEqual(
      both.metadata.ownerReferences?.map(({ name }) => name),
      ['other'],
    )
  })

  it('deletes dependents first when asked', () => {
    const { store, settle, has } = family(['example.com/hold'])
    const propagationPolicy = 'Foreground'
    store.delete(configMaps, { namespace: 'default', name: 'owner' }, { propagationPolicy })
    settle()
    assert.notEqual(has('owner'), undefined, 'waits for the child')
    const release = { kind: 'merge', body: { metadata: { finalizers: null } } } as const
    store.patch(secrets, { namespace: 'default', name: 'child' }, release)
    settle()
    assert.deepEqual([has('owner'), has('child')], [undefined, undefined])
  })

  it('orphans dependents when asked', () => {
    const { store, settle, has } = family()
    const propagationPolicy = 'Orphan'
    store.delete(configMaps, { namespace: 'default', name: 'owner' }, { propagationPolicy })
    settle()
    assert.equal(has('owner'), undefined)
    assert.equal(has('child')?.metadata.ownerReferences, undefined, 'absent, not empty')
  })

  it('empties a namespace before it goes, and gives a new one its service account', () => {
    const { store, settle } = openTestApi()
    store.create(namespaces, { metadata: { name: 'team' } })
    settle()
    const account = { namespace: 'team', name: 'default' }
    assert.notEqual(store.find(resources.serviceAccounts, account), undefined)
    store.create(secrets, { metadata: { namespace: 'team', name: 's' } })
    store.delete(namespaces, { name: 'team' })
    settle()
    assert.equal(store.find(namespaces, { name: 'team' }), undefined)
    assert.equal(store.list(secrets, { namespace: 'team' }).items.length, 0)
  })

  it('refuses to delete the namespaces that every cluster has', () => {
    const { store } = openTestApi()
    assert.throws(() => store.delete(namespaces, { name: 'default' }), /may not be deleted/)
  })

  it('removes all objects of a kind with its definition', () => {
    const { store, settle } = openTestApi()
    store.create(customResourceDefinitions, widgetDefinition)
    const metadata = { namespace: 'default', name: 'a', finalizers: ['example.com/hold'] }
    store.create(widgets, { metadata, spec: { size: 1 } })
    store.delete(customResourceDefinitions, { name: 'widgets.example.com' })
    settle()
    const release = { kind: 'merge', body: { metadata: { finalizers: null } } } as const
    store.patch(widgets, { namespace: 'default', name: 'a' }, release)
    settle()
    assert.equal(store.list(customResourceDefinitions).items.length, 0)
    assert.throws(() => store.list(widgets), /could not find the requested resource/)
  })

  it('survives an owner that a protected namespace lost', () => {
    const { store, settle } = openTestApi()
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'gone' }]
    const patch = { kind: 'merge', body: { metadata: { ownerReferences } } } as const
    store.patch(namespaces, { name: 'default' }, patch)
    settle()
    assert.equal(store.get(namespaces, { name: 'default' }).metadata.name, 'default')
  })

  it(`keeps at most ${EVENTS_MAX} events, the newest`, () => {
    const { store, settle } = openTestApi()
    const involvedObject = { kind: 'Pod', name: 'p', namespace: 'default' }
    for (let i = 0; i <= EVENTS_MAX; i += 1)
      store.create(events, { metadata: { namespace: 'default', name: `e${i}` }, involvedObject })
    settle()
    const left = store.list(events).items.length
    assert.ok(left <= EVENTS_MAX && left > EVENTS_MAX / 2, `${left} are left`)
  })

  it('forgets events after an hour', () => {
    const { store, settle, advance } = openTestApi()
    const event = (name: string) => ({
      metadata: { namespace: 'default', name },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    })
    store.create(events, event('old'))
    advance(EVENT_LIFETIME_MS + 1)
    store.create(events, event('new'))
    settle()
    assert.deepEqual(
      store.list(events).items.map(({ metadata }) => metadata.name),
      ['new'],
    )
  })
})
