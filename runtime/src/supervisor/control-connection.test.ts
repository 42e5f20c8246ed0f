import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { TLSSocket } from 'node:tls'
import { encodeFrame } from '@miniredis/crds'
import { ControlConnection } from './control-connection.ts'
import { CONTROL_OUTGOING_BYTES_MAX, CONTROL_REQUESTS_MAX } from './limits.ts'

/** A socket whose peer never reads. */
class StuckSocket extends EventEmitter {
  destroyed = false
  writableLength = 0
  paused = false
  setNoDelay(): void {}
  write(bytes: Buffer): void {
    this.writableLength += bytes.length
  }
  pause(): void {
    this.paused = true
  }
  resume(): void {
    this.paused = false
  }
  isPaused(): boolean {
    return this.paused
  }
  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }
}

function createConnection(silenceMs?: number) {
  const socket = new StuckSocket()
  const answers: (() => void)[] = []
  let reason = ''
  const closed = new Promise<string>((resolve) => {
    const events = {
      message: () => new Promise<void>((answer) => answers.push(answer)),
      closed: (why: string) => {
        reason = why
        resolve(why)
      },
    }
    connection = new ControlConnection(socket as unknown as TLSSocket, events, silenceMs)
  })
  return { socket, connection, answers, closed, reason: () => reason }
}
let connection: ControlConnection

describe('a control connection', () => {
  afterEach(() => connection.close('the test is over'))

  it('is closed when its peer says nothing', async () => {
    assert.equal(await createConnection(10).closed, 'the peer was silent')
  })

  it('is closed when its peer completes no frame, however busy it is', async () => {
    const { socket, closed } = createConnection(60)
    const trickle = setInterval(() => socket.emit('data', Buffer.of(0)), 5)
    socket.emit('data', Buffer.from([0, 0, 0x10, 0]))
    assert.equal(await closed, 'the peer was silent')
    clearInterval(trickle)
  })

  it('is closed when its peer does not read', () => {
    const { socket, connection, reason } = createConnection()
    const frame = Buffer.alloc(1 << 20)
    for (let sent = 0; sent < CONTROL_OUTGOING_BYTES_MAX; sent += frame.length) {
      connection.sendFrame(frame)
    }
    assert.equal(socket.destroyed, false)
    connection.sendFrame(Buffer.of(0))
    assert.equal(reason(), 'the peer reads too slowly')
    assert.ok(socket.writableLength <= CONTROL_OUTGOING_BYTES_MAX)
  })

  it('stops reading while too many requests wait, and goes on when one is answered', async () => {
    const { socket, answers } = createConnection()
    const beat = encodeFrame({ kind: 'beat', sequence: 1 })
    for (let index = 1; index < CONTROL_REQUESTS_MAX; index++) socket.emit('data', beat)
    assert.equal(socket.paused, false)
    socket.emit('data', beat)
    assert.equal(socket.paused, true)
    answers[0]?.()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(socket.paused, false)
  })
})
