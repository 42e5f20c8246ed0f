import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { passwordOf, sha256, tenant } from '../../test/engine.ts'
import { KeyspaceHost } from '../engine/keyspace.ts'
import { TenantRegistry } from './tenant-registry.ts'

const EMPTY_TENANT_BYTES_MAX = 2048

const createRegistry = () => new TenantRegistry(new KeyspaceHost({ seed: [1, 2], random: () => 7 }))

describe('tenant registry', () => {
  it('follows a change of user name and tenant id', () => {
    const registry = createRegistry()
    registry.assign(tenant('old', { tenantUid: 'uid' }))
    registry.assign(
      tenant('new', {
        tenantUid: 'uid',
        passwordHashes: [sha256('told_secret'), sha256('tnew_secret')],
      }),
    )
    assert.equal(registry.size, 1)
    assert.equal(registry.authenticate('old.team', Buffer.from('told_secret')), undefined)
    assert.equal(registry.authenticate('default', Buffer.from('told_secret')), undefined)
    assert.equal(registry.authenticate('default', Buffer.from('tnew_secret')), registry.get('uid'))
  })

  it('keeps a name that another tenant has taken over', () => {
    const registry = createRegistry()
    registry.assign(tenant('a', { tenantUid: 'first' }))
    registry.assign(tenant('a', { tenantUid: 'second' }))
    registry.unassign('first')
    assert.equal(
      registry.authenticate('a.team', Buffer.from(`ta_${'p'.repeat(32)}`)),
      registry.get('second'),
    )
  })

  it('lets nobody in where data are only kept, and again when it is served', () => {
    const registry = createRegistry()
    const opens = () => registry.authenticate('a.team', Buffer.from(passwordOf('a'))) !== undefined
    registry.assign(tenant('a'))
    assert.equal(opens(), true)
    registry.assign(tenant('a', { served: false }))
    assert.deepEqual([opens(), registry.size], [false, 1])
    registry.assign(tenant('a', { epoch: 2 }))
    assert.equal(opens(), true)
  })

  it('takes as many passwords as an assignment may carry', () => {
    const registry = createRegistry()
    const passwords = ['one', 'two', 'three', 'four']
    registry.assign(tenant('a', { passwordHashes: passwords.map(sha256) }))
    for (const password of passwords) {
      assert.equal(registry.authenticate('a.team', Buffer.from(password)), registry.get('uid-a'))
    }
  })

  it('does not open by the dummy hash', () => {
    const registry = createRegistry()
    registry.assign(tenant('a', { passwordHashes: [] }))
    assert.equal(registry.authenticate('a.team', Buffer.alloc(32)), undefined)
    assert.equal(registry.authenticate('a.team', Buffer.alloc(0)), undefined)
  })

  it('keeps an empty tenant within 2 KB', () => {
    const count = 4000
    const assignments = Array.from({ length: count }, (_, at) => tenant(`tenant-${at}`))
    const registry = createRegistry()
    setFlagsFromString('--expose-gc')
    const gc: () => void = runInNewContext('gc')
    gc()
    const before = process.memoryUsage()
    for (const assignment of assignments) registry.assign(structuredClone(assignment))
    gc()
    const after = process.memoryUsage()
    const bytes = after.heapUsed + after.external - before.heapUsed - before.external
    assert.ok(
      bytes / count <= EMPTY_TENANT_BYTES_MAX,
      `${Math.round(bytes / count)} bytes per tenant`,
    )
  })
})
