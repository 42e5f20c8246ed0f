import assert from 'node:assert/strict'
import { buildRules, renderPermissions } from './permissions.ts'

describe('roles from permissions', () => {
  it('joins what several parts ask of one resource, and resources with the same verbs', () => {
    const rules = buildRules([
      { group: '', resources: ['secrets', 'services'], verbs: ['get'], scope: 'operator' },
      { group: '', resources: ['secrets'], verbs: ['watch', 'get'], scope: 'operator' },
      { group: '', resources: ['services'], verbs: ['watch'], scope: 'operator' },
      { group: 'a.io', resources: ['x'], verbs: ['get'], resourceNames: ['n'], scope: 'operator' },
      { group: 'a.io', resources: ['x'], verbs: ['create'], scope: 'operator' },
    ])
    assert.deepEqual(rules, [
      { apiGroups: [''], resources: ['secrets', 'services'], verbs: ['get', 'watch'] },
      { apiGroups: ['a.io'], resources: ['x'], resourceNames: ['n'], verbs: ['get'] },
      { apiGroups: ['a.io'], resources: ['x'], verbs: ['create'] },
    ])
  })

  it('asks for no wildcard and reads Secrets of others only where tenants need it', () => {
    const texts = Object.values(renderPermissions())
    for (const text of texts) assert.doesNotMatch(text, /\*/)
  })
})
