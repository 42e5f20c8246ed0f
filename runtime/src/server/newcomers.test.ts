import assert from 'node:assert/strict'
import type { Connection } from './connection.ts'
import { defaultLimits } from './limits.ts'
import { Newcomers } from './newcomers.ts'

const limits = { ...defaultLimits, newcomersMax: 2, authenticationMs: 1000, newcomerRequestMs: 100 }

class Peer {
  readonly connectedAtMs = 0
  requestSinceMs: number | undefined
  error = ''
  refuse(error: string): void {
    this.error = error
    newcomers.delete(this.connection)
  }
  get connection(): Connection {
    return this as unknown as Connection
  }
}

let newcomers: Newcomers
const add = (nowMs: number): Peer => {
  const peer = new Peer()
  newcomers.add(peer.connection, nowMs)
  return peer
}

describe('newcomers', () => {
  beforeEach(() => {
    newcomers = new Newcomers(limits)
  })

  it('have their time from when they became newcomers, not from when they connected', () => {
    const peer = add(50_000)
    newcomers.expire(51_000)
    assert.equal(peer.error, '')
    newcomers.expire(51_001)
    assert.match(peer.error, /too long/)
  })

  it('have little time for a command that they have begun', () => {
    const peer = add(0)
    peer.requestSinceMs = 10
    newcomers.expire(110)
    assert.equal(peer.error, '')
    newcomers.expire(111)
    assert.match(peer.error, /too long/)
  })

  it('are as many as may be, and the oldest goes first', () => {
    const [oldest, second, third] = [add(0), add(1), add(2)]
    newcomers.trim()
    assert.match(oldest.error, /the oldest is closed/)
    assert.equal(second.error + third.error, '')
    assert.equal(newcomers.size, 2)
  })
})
