import assert from 'node:assert/strict'
import { NODE_PORTS_MAX, ServiceAddresses } from './service-addresses.ts'

const service = (name: string) => ({ namespace: 'default', name })

describe('service addresses', () => {
  let addresses: ServiceAddresses
  beforeEach(() => {
    addresses = new ServiceAddresses('127.96', 6001)
  })

  it('gives the lowest free port, and gives it again when it is free again', () => {
    assert.equal(addresses.nodePort(service('a'), 6379), 6001)
    assert.equal(addresses.nodePort(service('b'), 6379), 6002)
    addresses.release(service('a'))
    assert.equal(addresses.nodePort(service('c'), 6379), 6001)
  })

  it('refuses a port of another Service, and ports outside of its range', () => {
    addresses.nodePort(service('a'), 6379)
    assert.equal(addresses.nodePort(service('b'), 6379, 6001), undefined)
    assert.equal(addresses.nodePort(service('a'), 6379, 6001), 6001)
    assert.equal(addresses.nodePort(service('b'), 6379, 80), undefined)
    assert.equal(addresses.nodePort(service('b'), 6379, 6001 + NODE_PORTS_MAX), undefined)
  })

  it('has an end', () => {
    for (let n = 0; n < NODE_PORTS_MAX; n += 1) addresses.nodePort(service(`s${n}`), 1)
    assert.equal(addresses.nodePort(service('one more'), 1), undefined)
  })

  it('gives one address for each Service', () => {
    assert.equal(addresses.clusterIp(service('a')), '127.96.0.1')
    assert.equal(addresses.clusterIp(service('a')), '127.96.0.1')
    assert.equal(addresses.clusterIp(service('b'), '127.96.0.1'), undefined)
    assert.equal(addresses.clusterIp(service('b'), '127.96.0.7'), '127.96.0.7')
    assert.equal(addresses.clusterIp(service('c'), '10.0.0.1'), undefined)
  })

  it('keeps what a Service still has', () => {
    addresses.clusterIp(service('a'))
    for (const port of [1, 2]) addresses.nodePort(service('a'), port)
    addresses.release(service('a'), { clusterIp: '127.96.0.1', nodePorts: [6002] })
    assert.equal(addresses.clusterIp(service('b'), '127.96.0.1'), undefined)
    assert.equal(addresses.nodePort(service('b'), 1), 6001)
    assert.equal(addresses.nodePort(service('b'), 2), 6003)
  })
})
