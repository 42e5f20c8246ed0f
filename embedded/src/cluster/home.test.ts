import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deleteHome, homeAt, openHome, rememberFacts } from './home.ts'

describe('home of a cluster', () => {
  const parent = mkdtempSync(join(tmpdir(), 'home-'))
  const home = homeAt(join(parent, 'cluster'))
  after(() => rmSync(parent, { recursive: true, force: true }))

  it('is private and remembers its token', async () => {
    const facts = openHome(home)
    assert.equal(statSync(home.directory).mode & 0o777, 0o700)
    await rememberFacts(home, { ...facts, apiPort: 6000 })
    assert.deepEqual(openHome(home), { ...facts, apiPort: 6000 })
    assert.equal(statSync(home.facts).mode & 0o777, 0o600)
  })

  it('says so when its facts are damaged', () => {
    writeFileSync(home.facts, '{"token":')
    assert.throws(() => openHome(home), /damaged.*make down DATA=delete/)
  })

  it('deletes what is its own, and only that', async () => {
    for (const name of ['cluster.sqlite', 'cluster.sqlite-wal', 'letters.txt']) {
      writeFileSync(join(home.directory, name), '')
    }
    await deleteHome(home)
    assert.deepEqual(readdirSync(home.directory), ['letters.txt'])
    rmSync(join(home.directory, 'letters.txt'))
    await deleteHome(home)
    openHome(home)
    writeFileSync(home.kubeconfig, '')
    await deleteHome(home)
    assert.equal(existsSync(home.directory), false)
  })
})
