import assert from 'node:assert/strict'
import { WATCH_LINE_BYTES_MAX, WatchDecoder } from './watch-decoder.ts'

describe('watch decoder', () => {
  it('takes a line up to its limit and refuses one without end', () => {
    const decoder = new WatchDecoder()
    const mebibyte = Buffer.alloc(1024 * 1024, 'x')
    const chunks = WATCH_LINE_BYTES_MAX / mebibyte.length
    for (let n = 0; n < chunks; n++) assert.deepEqual(decoder.decode(mebibyte), [])
    assert.throws(() => decoder.decode(Buffer.of(0x78)), { code: 'Malformed' })
  })

  it('skips empty lines', () => {
    assert.deepEqual(new WatchDecoder().decode(Buffer.from('\n\r\n\n')), [])
  })
})
