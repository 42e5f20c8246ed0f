import assert from 'node:assert/strict'
import type { KeyspaceWalk } from './keyspace-walk.ts'
import { KeyspaceDriver, stringsOf } from './testing/keyspaces.ts'

const KEYS = 5000
const STEP = 10

/** A keyspace of many keys, and a walk through it that notes what it is shown. */
function walked() {
  const driver = new KeyspaceDriver()
  for (let at = 0; at < KEYS; at++) driver.set(`key:${at}`, 'old')
  const shown: string[] = []
  const written: string[] = []
  const walk = driver.db.walk({
    visit: (entry) => shown.push(driver.keyOf(entry)),
    onWrite: (entry) => written.push(driver.keyOf(entry)),
  })
  return { driver, walk, shown, written }
}

const finish = (walk: KeyspaceWalk): void => {
  while (walk.step(STEP)) {}
  walk.end()
}

/** How many entries are marked. */
function marks({ db }: KeyspaceDriver): number {
  const found: number[] = []
  db.scan(0, Number.POSITIVE_INFINITY, found)
  return found.filter((entry) => db.entries.isMarked(entry)).length
}

describe('a walk', () => {
  it('shows what is about to change at once, once, and passes it by later', () => {
    const { driver, walk, shown } = walked()
    driver.set('key:7', 'new')
    driver.remove('key:8')
    driver.expireAt('key:9', 1000)
    assert.deepEqual(shown, ['key:7', 'key:8', 'key:9'])
    driver.set('key:7', 'newer')
    driver.set('key:8', 'born later')
    assert.equal(shown.length, 3)
    finish(walk)
    assert.equal(new Set(shown).size, KEYS)
    assert.equal(shown.length, KEYS)
    assert.equal(marks(driver), 0)
  })

  it('shows steps of about the size asked for', () => {
    const { walk, shown } = walked()
    for (let before = 0; walk.step(STEP); before = shown.length) {
      assert.ok(shown.length - before <= STEP + 2)
    }
    walk.end()
  })

  it('tells of writes in place, wherever it stands, until it ends', () => {
    const { driver, walk, written } = walked()
    const write = () => {
      const key = driver.db.key(stringsOf('key:1'), 0)
      driver.db.willWrite(key, driver.db.lookupWrite(key, 0))
    }
    write()
    while (walk.step(STEP)) {}
    write()
    assert.deepEqual(written, ['key:1', 'key:1'])
    walk.end()
    write()
    assert.equal(written.length, 2)
  })

  it('that is abandoned shows nothing more and takes its marks away', () => {
    const { driver, walk, shown } = walked()
    for (let at = 0; at < KEYS; at += 2) driver.set(`key:${at}`, 'new')
    assert.ok(marks(driver) > 0)
    walk.step(STEP)
    const count = shown.length
    walk.abandon()
    for (let at = 1; at < KEYS; at += 2) driver.set(`key:${at}`, 'new')
    finish(walk)
    assert.equal(shown.length, count)
    assert.equal(marks(driver), 0)
  })

  for (const isAbandoned of [false, true]) {
    const how = isAbandoned ? 'abandoned before' : 'going on'
    it(`outlives the clearing of its keyspace, ${how}`, () => {
      const { driver, walk, shown } = walked()
      walk.step(STEP)
      if (isAbandoned) walk.abandon()
      driver.db.clear()
      assert.equal(driver.account.usedBytes, 0)
      driver.set('key:1', 'of a new life')
      finish(walk)
      assert.equal(shown.length === KEYS, !isAbandoned)
      assert.equal(marks(driver), 0)
      driver.remove('key:1')
      while (driver.host.reclaimSome(1000)) {}
      assert.equal(driver.host.arena.usedBytes, 0)
    })
  }
})
