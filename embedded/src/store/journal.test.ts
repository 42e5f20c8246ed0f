import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openTestApi, widgetDefinition, widgets } from '../testing.ts'
import { resources } from './resources.ts'

describe('the journal', () => {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'journal-'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it('brings back every object, and versions go on', () => {
    const path = join(directory, 'cluster.sqlite')
    const first = openTestApi({ path })
    first.store.create(resources.customResourceDefinitions, widgetDefinition)
    const metadata = { namespace: 'default', name: 'a' }
    const before = first.store.create(widgets, { metadata, spec: { size: 3 } })
    first.store.create(widgets, { metadata: { ...metadata, name: 'b' } })
    const { object } = first.store.delete(widgets, { namespace: 'default', name: 'b' })
    first.settle()
    first.store.close()
    const second = openTestApi({ path })
    assert.deepEqual(second.store.get(widgets, metadata), before)
    const { resourceVersion } = second.store.list(widgets).metadata
    assert.ok(Number(resourceVersion) > Number(object.metadata.resourceVersion))
    assert.throws(
      () => second.store.watch(widgets, { resourceVersion: '3' }, () => {}),
      /too old resource version/,
    )
    second.store.close()
  })

  it('refuses a file of a newer layout', () => {
    const path = join(directory, 'newer.sqlite')
    const database = new DatabaseSync(path)
    database.exec('PRAGMA user_version = 99')
    database.close()
    assert.throws(() => openTestApi({ path }), /newer version of MiniRedis/)
  })
})
