/** What is left of a write whose memory could not be had: the old state, and a true account. */
import assert from 'node:assert/strict'
import { NONE } from './keyspace.ts'
import { writeRange } from './strings.ts'
import { KeyspaceDriver, stringsOf } from './testing/keyspaces.ts'

/** Makes allocation number `nth` from now on fail; returns what undoes it. */
function failAt(driver: KeyspaceDriver, nth: number): () => void {
  const { arena } = driver.host
  let count = 0
  arena.allocate = (bytes, account) => {
    count++
    if (count === nth) throw new RangeError('no memory')
    return Object.getPrototypeOf(arena).allocate.call(arena, bytes, account)
  }
  return () => Reflect.deleteProperty(arena, 'allocate')
}

function grow(driver: KeyspaceDriver, name: string, offset: number): void {
  const strings = stringsOf(name, 'tail')
  const key = driver.db.key(strings, 0)
  const entry = driver.db.lookupWrite(key, 0)
  writeRange(driver.db, key, entry, offset, strings.buffer, strings.start(1), strings.end(1))
}

function rename(driver: KeyspaceDriver, from: string, to: string): void {
  const key = driver.db.key(stringsOf(from), 0)
  driver.db.rename(key, driver.db.lookupWrite(key, 0), driver.db.otherKey(stringsOf(to), 0))
}

const long = (text: string): string => text.repeat(20_000)

const writes: Readonly<Record<string, (driver: KeyspaceDriver) => void>> = {
  'a new short value': (driver) => driver.set('new', 'short'),
  'a new long value': (driver) => driver.set('new', long('n')),
  'a short value over a long one': (driver) => driver.set('long', 'short'.repeat(40)),
  'a long value over a short one': (driver) => driver.set('short', long('s')),
  'a long value over a long one': (driver) => driver.set('long', long('mn')),
  'a value that grows in its block': (driver) => grow(driver, 'long', 100_000),
  'a value that outgrows its record': (driver) => grow(driver, 'short', 100_000),
  'an integer that becomes text': (driver) => grow(driver, 'integer', 40),
  'room for an expiry time': (driver) => driver.expireAt('short', 1e12),
  'another name': (driver) => rename(driver, 'long', 'a much longer name than it had before'),
}

const filler = Array.from({ length: 400 }, (_, at) => `filler:${at}`)

function filledDriver(): KeyspaceDriver {
  const driver = new KeyspaceDriver()
  driver.set('short', 'abc'.repeat(4))
  driver.set('long', long('l'))
  driver.set('integer', '42')
  for (const key of filler) driver.set(key, key, 1e12)
  return driver
}

const valuesOf = (driver: KeyspaceDriver): ReadonlyMap<string, string | undefined> =>
  new Map(driver.allKeys().map((key) => [key, driver.get(key)]))

describe('a failed allocation', () => {
  for (const [title, write] of Object.entries(writes)) {
    it(`changes nothing: ${title}`, () => {
      const driver = filledDriver()
      const before = valuesOf(driver)
      const { usedBytes } = driver.account
      let failures = 0
      for (let isDone = false; !isDone; ) {
        const undo = failAt(driver, failures + 1)
        try {
          write(driver)
          isDone = true
        } catch (error) {
          assert.match(String(error), /no memory/)
          failures++
          assert.deepEqual(valuesOf(driver), before)
          assert.equal(driver.account.usedBytes, usedBytes)
        } finally {
          undo()
        }
      }
      assert.ok(failures > 0)
      assert.notEqual(driver.account.usedBytes, usedBytes)
      for (const key of driver.allKeys()) driver.remove(key)
      assert.equal(driver.host.arena.usedBytes, 0)
    })
  }

  it('of a table leaves the new key out', () => {
    const driver = new KeyspaceDriver()
    let failures = 0
    for (const key of filler) {
      const undo = failAt(driver, 2)
      try {
        driver.set(key, 'v')
      } catch {
        failures++
        assert.equal(driver.db.lookupWrite(driver.db.key(stringsOf(key), 0), 0), NONE)
      } finally {
        undo()
      }
    }
    assert.ok(failures > 0)
    assert.equal(driver.db.size, filler.length - failures)
    for (const key of driver.allKeys()) driver.remove(key)
    assert.equal(driver.host.arena.usedBytes, 0)
  })
})
