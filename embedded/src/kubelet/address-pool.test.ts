import assert from 'node:assert/strict'
import { AddressPool } from './address-pool.ts'

describe('address pool', () => {
  it('gives each owner one address and keeps it', () => {
    const pool = new AddressPool('127.64')
    assert.equal(pool.claim('a'), '127.64.0.1')
    assert.equal(pool.claim('b'), '127.64.0.2')
    assert.equal(pool.claim('a'), '127.64.0.1')
  })

  it('takes a remembered address when it is free and in the range', () => {
    const pool = new AddressPool('127.64')
    assert.equal(pool.claim('a', '127.64.3.9'), '127.64.3.9')
    assert.equal(pool.claim('b', '127.64.3.9'), '127.64.3.10')
    assert.equal(pool.claim('c', '127.65.0.1'), '127.64.3.11')
    assert.equal(pool.claim('d', 'nonsense'), '127.64.3.12')
  })

  it('does not hand an address out again while others have not been used', () => {
    const pool = new AddressPool('127.64')
    pool.claim('a')
    pool.release('a')
    assert.equal(pool.claim('b'), '127.64.0.2')
  })

  it('wraps around at the end of the range', () => {
    const pool = new AddressPool('127.64')
    assert.equal(pool.claim('last', '127.64.255.254'), '127.64.255.254')
    assert.equal(pool.claim('first'), '127.64.0.1')
  })

  it('says so when every address is taken', () => {
    const pool = new AddressPool('127.64')
    for (let n = 0; n < 65_534; n += 1) pool.claim(`owner-${n}`)
    assert.throws(() => pool.claim('one more'), /65534 addresses/)
  })
})
