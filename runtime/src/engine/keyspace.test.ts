import assert from 'node:assert/strict'
import fc from 'fast-check'
import { INLINE_BYTES_MAX, SHORT_KEY_BYTES_MAX } from './entries.ts'
import { NO_EXPIRY } from './keyspace.ts'
import { RANK_END } from './segment.ts'
import { KeyspaceDriver, newHost, randomOf } from './testing/keyspaces.ts'

const manyKeys = (count: number): string[] => Array.from({ length: count }, (_, at) => `key:${at}`)

describe('keyspace', () => {
  it('owns no memory until the first key and none after the last', () => {
    const driver = new KeyspaceDriver()
    assert.equal(driver.account.usedBytes, 0)
    for (const key of manyKeys(5000)) driver.set(key, 'v'.repeat(key.length))
    assert.ok(driver.account.usedBytes > 5000 * 16)
    assert.equal(driver.account.usedBytes, driver.db.account.usedBytes)
    for (const key of manyKeys(5000)) assert.ok(driver.remove(key), key)
    assert.equal(driver.account.usedBytes, 0)
    assert.equal(driver.host.arena.usedBytes, 0)
  })

  it('finds every key while it grows and shrinks', () => {
    const driver = new KeyspaceDriver()
    const keys = manyKeys(20_000)
    for (const key of keys) driver.set(key, `value of ${key}`)
    for (const key of keys) assert.equal(driver.get(key), `value of ${key}`)
    for (const key of keys.slice(100)) driver.remove(key)
    for (const key of keys.slice(0, 100)) assert.equal(driver.get(key), `value of ${key}`)
    assert.equal(driver.get('key:100'), undefined)
    assert.equal(driver.db.size, 100)
  })

  it('takes keys and values of any length', () => {
    const driver = new KeyspaceDriver()
    const lengths = [0, 1, 7, SHORT_KEY_BYTES_MAX, SHORT_KEY_BYTES_MAX + 1, 300_000]
    const values = [0, 1, 39, 41, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1, 300_000]
    for (const expiresAtMs of [NO_EXPIRY, 5_000_000_000_000]) {
      for (const length of lengths) {
        for (const size of values) {
          driver.set('k'.repeat(length), 'v'.repeat(size), expiresAtMs)
          assert.equal(driver.get('k'.repeat(length)), 'v'.repeat(size))
        }
      }
    }
    for (const length of lengths) driver.remove('k'.repeat(length))
    assert.equal(driver.host.arena.usedBytes, 0)
  })

  it('is empty at once when cleared, and gives the memory back in bounded steps', () => {
    const driver = new KeyspaceDriver()
    for (const key of manyKeys(10_000)) driver.set(key, 'x'.repeat(20), 1000)
    driver.set('long', 'x'.repeat(100_000))
    driver.db.clear()
    assert.equal(driver.db.size, 0)
    assert.equal(driver.db.expiringCount, 0)
    assert.equal(driver.account.usedBytes, 0)
    assert.ok(driver.host.reclaimableBytes > 100_000)
    driver.set('key:1', 'again')
    let steps = 0
    while (driver.host.reclaimSome(100)) steps++
    assert.ok(steps >= 90 && steps <= 110, `${steps} steps`)
    assert.equal(driver.get('key:1'), 'again')
    driver.remove('key:1')
    assert.equal(driver.host.arena.usedBytes, 0)
  })

  it('frees what was cleared while it is filled again', () => {
    const driver = new KeyspaceDriver()
    for (const key of manyKeys(4000)) driver.set(key, 'x')
    driver.db.clear()
    for (const key of manyKeys(1200)) driver.set(key, 'x')
    assert.equal(driver.host.hasReclaimable, false)
  })

  it('keeps the databases of one host apart', () => {
    const host = newHost()
    const [a, b] = [new KeyspaceDriver(host), new KeyspaceDriver(host)]
    a.set('key', 'of a')
    b.set('key', 'of b')
    a.db.clear()
    assert.equal(a.get('key'), undefined)
    assert.equal(b.get('key'), 'of b')
  })

  it('picks every key now and then', () => {
    const driver = new KeyspaceDriver(newHost(77))
    assert.equal(driver.db.pick(), 0)
    for (const key of manyKeys(50)) driver.set(key, 'x')
    const seen = new Set(Array.from({ length: 2000 }, () => driver.keyOf(driver.db.pick())))
    assert.equal(seen.size, 50)
  })
})

describe('expiry', () => {
  it('hides a key from its time on, and counts it', () => {
    const driver = new KeyspaceDriver()
    driver.set('key', 'value', 1000)
    assert.equal(driver.get('key', 999), 'value')
    assert.equal(driver.get('key', 1000), undefined)
    assert.equal(driver.db.size, 0)
    assert.deepEqual(driver.db.stats, { hits: 1, misses: 1, expired: 1 })
  })

  it('is collected by bounded steps without any access', () => {
    const driver = new KeyspaceDriver()
    for (const [at, key] of manyKeys(20_000).entries()) driver.set(key, 'x', (at % 10) * 1000 + 1)
    driver.set('stays', 'x')
    let steps = 0
    for (; driver.db.expiringCount > 10_000; steps++) driver.db.expireSome(6000, 500)
    assert.ok(steps > 5 && steps < 200, `${steps} steps`)
    while (driver.db.expiringCount > 0) driver.db.expireSome(60_000, 500)
    assert.deepEqual(driver.allKeys(), ['stays'])
    assert.equal(driver.db.stats.expired, 20_000)
    driver.remove('stays')
    assert.equal(driver.account.usedBytes, 0)
  })

  it('looks at no key while none is due', () => {
    const driver = new KeyspaceDriver()
    for (const key of manyKeys(5000)) driver.set(key, 'x', 1_000_000)
    while (driver.db.expireSome(999_000, 100)) {}
    assert.equal(driver.db.expiringCount, 5000)
  })

  it('takes times far beyond the year 2106', () => {
    const driver = new KeyspaceDriver()
    driver.set('key', 'x', Number.MAX_SAFE_INTEGER)
    assert.equal(driver.get('key', 5e12), 'x')
    assert.equal(driver.db.expireSome(5e12, 100), false)
    assert.equal(driver.db.expiringCount, 1)
  })
})

interface Model {
  readonly values: Map<string, { value: string; expiresAtMs: number }>
  nowMs: number
}

const keyNames = fc.oneof(
  fc.integer({ min: 0, max: 40 }).map((at) => `k${at}`),
  fc.integer({ min: 0, max: 3 }).map((at) => 'long'.repeat(5000) + at),
)
const valueTexts = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 60 }),
  fc.integer().map(String),
  fc.integer({ min: 8000, max: 9000 }).map((length) => 'x'.repeat(length)),
)
const operations = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key: keyNames, value: valueTexts }),
  fc.record({
    kind: fc.constant('setExpiring' as const),
    key: keyNames,
    value: valueTexts,
    inMs: fc.integer({ min: 1, max: 5000 }),
  }),
  fc.record({ kind: fc.constant('remove' as const), key: keyNames }),
  fc.record({
    kind: fc.constant('expire' as const),
    key: keyNames,
    inMs: fc.integer({ min: 1, max: 5000 }),
  }),
  fc.record({ kind: fc.constant('persist' as const), key: keyNames }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 3000 }) }),
  fc.record({ kind: fc.constant('cycle' as const), budget: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ kind: fc.constant('clear' as const) }),
)
type Operation = typeof operations extends fc.Arbitrary<infer T> ? T : never

function live(model: Model, key: string): { value: string; expiresAtMs: number } | undefined {
  const found = model.values.get(key)
  if (found === undefined) return undefined
  if (found.expiresAtMs === NO_EXPIRY || found.expiresAtMs > model.nowMs) return found
  model.values.delete(key)
  return undefined
}

function apply(operation: Operation, driver: KeyspaceDriver, model: Model): void {
  const { nowMs } = model
  switch (operation.kind) {
    case 'set':
    case 'setExpiring': {
      const expiresAtMs = operation.kind === 'set' ? NO_EXPIRY : nowMs + operation.inMs
      driver.set(operation.key, operation.value, expiresAtMs, nowMs)
      model.values.set(operation.key, { value: operation.value, expiresAtMs })
      break
    }
    case 'remove':
      assert.equal(driver.remove(operation.key, nowMs), live(model, operation.key) !== undefined)
      model.values.delete(operation.key)
      break
    case 'expire': {
      const found = live(model, operation.key)
      const wasThere = driver.expireAt(operation.key, nowMs + operation.inMs, nowMs)
      assert.equal(wasThere, found !== undefined)
      if (found !== undefined) found.expiresAtMs = nowMs + operation.inMs
      break
    }
    case 'persist': {
      const found = live(model, operation.key)
      const hadTime = found !== undefined && found.expiresAtMs !== NO_EXPIRY
      assert.equal(driver.persist(operation.key, nowMs), hadTime)
      if (found !== undefined) found.expiresAtMs = NO_EXPIRY
      break
    }
    case 'pass':
      model.nowMs += operation.ms
      break
    case 'cycle':
      driver.db.expireSome(nowMs, operation.budget)
      break
    case 'clear':
      driver.db.clear()
      model.values.clear()
      break
  }
}

describe('keyspace beside a Map', () => {
  it('holds the same keys, values and times after any sequence of operations', () => {
    fc.assert(
      fc.property(fc.array(operations, { maxLength: 150 }), (sequence) => {
        const driver = new KeyspaceDriver()
        const model: Model = { values: new Map(), nowMs: 1_700_000_000_000 }
        for (const operation of sequence) apply(operation, driver, model)
        for (const key of [...model.values.keys()]) {
          assert.equal(driver.get(key, model.nowMs), live(model, key)?.value)
        }
        const shown = driver.allKeys().filter((key) => driver.get(key, model.nowMs) !== undefined)
        assert.deepEqual(shown.sort(), [...model.values.keys()].sort())
        for (const key of shown) driver.remove(key, model.nowMs)
        assert.equal(driver.db.size, 0)
        assert.equal(driver.db.expiringCount, 0)
        while (driver.host.hasReclaimable) driver.host.reclaimSome(100)
        assert.equal(driver.account.usedBytes, 0)
        assert.equal(driver.host.arena.usedBytes, 0)
      }),
      { numRuns: 300 },
    )
  })
})

describe('scan', () => {
  it('sees what stays, exactly once, however the table grows and shrinks meanwhile', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = randomOf(seed)
        const driver = new KeyspaceDriver(newHost(seed))
        const stays = manyKeys(1 + (random() % 3000))
        for (const key of stays) driver.set(key, 'x')
        const others: string[] = []
        const seen = new Map<string, number>()
        let rank = 0
        let isGrowing = true
        while (rank < RANK_END) {
          const [keys, next] = driver.scan(rank, 1 + (random() % 100))
          for (const key of keys) seen.set(key, (seen.get(key) ?? 0) + 1)
          rank = next
          if (random() % 8 === 0) isGrowing = !isGrowing
          for (let turn = random() % 400; turn > 0; turn--) churn(driver, others, random, isGrowing)
        }
        for (const key of stays) assert.equal(seen.get(key), 1, key)
      }),
      { numRuns: 60 },
    )
  })

  it('ends on an empty keyspace', () => {
    assert.deepEqual(new KeyspaceDriver().scan(0, 10), [[], RANK_END])
  })
})

function churn(
  driver: KeyspaceDriver,
  others: string[],
  random: () => number,
  isGrowing: boolean,
): void {
  if (isGrowing) {
    const key = `other:${random()}`
    if (driver.get(key) === undefined) others.push(key)
    driver.set(key, 'x')
  } else {
    const [key] = others.splice(random() % Math.max(1, others.length), 1)
    if (key !== undefined) assert.ok(driver.remove(key))
  }
}
