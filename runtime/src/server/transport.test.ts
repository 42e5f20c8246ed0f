import assert from 'node:assert/strict'
import type net from 'node:net'
import { ReplyBuffer } from '../protocol/reply-buffer.ts'
import { OUTPUT_PAUSE_BYTES, PENDING_WRITES_MAX } from './limits.ts'
import { Transport } from './transport.ts'

interface Request {
  oncomplete(status: number): void
  getAsyncId(): number
}

/** A TCP handle whose kernel takes everything at once, or nothing until it is told to. */
class FakeHandle {
  writeQueueSize = 0
  isTaking = true
  readonly pending: { readonly request: Request; readonly bytes: Uint8Array }[] = []
  readonly requests = new Set<Request>()

  useUserBuffer(): void {}
  readStart(): number {
    return 0
  }
  readStop(): number {
    return 0
  }
  writeLatin1String(): number {
    return 0
  }
  writeBuffer(request: Request, bytes: Uint8Array): number {
    assert.ok(!this.pending.some((write) => write.request === request), 'used twice at a time')
    this.requests.add(request)
    request.getAsyncId = () => (this.isTaking ? -1 : this.requests.size)
    if (this.isTaking) return 0
    this.pending.push({ request, bytes })
    this.writeQueueSize += bytes.length
    return 0
  }
  /** The kernel has taken the bytes, the writer does not know yet. */
  empty(): void {
    this.writeQueueSize = 0
  }
  complete(): void {
    this.empty()
    for (const { request } of this.pending.splice(0)) request.oncomplete(0)
  }
}

describe('transport', () => {
  let handle: FakeHandle
  let transport: Transport
  let drained: number
  const output = new ReplyBuffer()

  const send = (text: string): void => {
    output.appendText(text)
    transport.send(output)
  }

  beforeEach(() => {
    handle = new FakeHandle()
    drained = 0
    const accepted = { _handle: handle } as unknown as net.Socket
    transport = new Transport(accepted, Buffer.alloc(16), {
      received: () => {},
      drained: () => drained++,
      ended: () => {},
      closed: () => {},
    })
  })

  it('uses a request again whose write went out at once', () => {
    send('a')
    send('b')
    assert.equal(handle.requests.size, 1)
    assert.equal(transport.pendingBytes, 0)
  })

  it('waits for a write that is queued though its bytes are gone already', () => {
    handle.isTaking = false
    send('a')
    handle.empty()
    send('b')
    handle.complete()
    assert.equal(drained, 1)
    send('c')
    assert.equal(transport.pendingBytes, 1)
    handle.complete()
    assert.equal(drained, 2)
  })

  it('leaves bytes alone that are under way', () => {
    handle.isTaking = false
    send('first')
    send('second')
    send('third!')
    const sent = handle.pending.map(({ bytes }) => Buffer.from(bytes).toString())
    assert.deepEqual(sent, ['first', 'second', 'third!'])
  })

  it('keeps one reply buffer for all small replies that wait', () => {
    handle.isTaking = false
    for (let writes = 0; writes < PENDING_WRITES_MAX; writes++) send('+PONG\r\n')
    const memory = new Set(handle.pending.map(({ bytes }) => bytes.buffer))
    const kept = [...memory].reduce((sum, buffer) => sum + buffer.byteLength, 0)
    assert.ok(kept <= 64 * 1024 + 2 * Buffer.poolSize, `${kept} bytes`)
  })

  it('is congested at the limit of writes, until they are taken', () => {
    handle.isTaking = false
    for (let writes = 1; writes < PENDING_WRITES_MAX; writes++) send('a')
    assert.equal(transport.isCongested, false)
    send('a')
    assert.equal(transport.isCongested, true)
    handle.complete()
    assert.equal(transport.isCongested, false)
  })

  it('is congested beyond the limit of bytes', () => {
    handle.isTaking = false
    send('a'.repeat(OUTPUT_PAUSE_BYTES))
    assert.equal(transport.isCongested, false)
    send('a')
    assert.equal(transport.isCongested, true)
  })
})
