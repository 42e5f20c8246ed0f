import assert from 'node:assert/strict'
import { LARGE_VALUE_BYTES, ReplyBuffer } from './reply-buffer.ts'
import { RespWriter } from './resp-writer.ts'

function written(version: 2 | 3, write: (writer: RespWriter) => void): string {
  const writer = new RespWriter(new ReplyBuffer())
  writer.version = version
  write(writer)
  const size = writer.out.totalBytes
  const bytes = Buffer.concat([...writer.out.seal()])
  assert.equal(bytes.length, size)
  return bytes.toString('latin1')
}

const value = Buffer.from('hello')
const cases: readonly [
  title: string,
  write: (writer: RespWriter) => void,
  resp2: string,
  resp3: string,
][] = [
  ['ok', (to) => to.ok(), '+OK\r\n', '+OK\r\n'],
  ['simple', (to) => to.simple('PONG'), '+PONG\r\n', '+PONG\r\n'],
  ['error', (to) => to.error('ERR a\r\nb'), '-ERR a  b\r\n', '-ERR a  b\r\n'],
  ['integer', (to) => to.integer(-42), ':-42\r\n', ':-42\r\n'],
  ['zero', (to) => to.integer(0), ':0\r\n', ':0\r\n'],
  [
    'large integer',
    (to) => to.integer(2 ** 53 - 1),
    ':9007199254740991\r\n',
    ':9007199254740991\r\n',
  ],
  [
    'int64',
    (to) => to.int64(-(2n ** 63n)),
    ':-9223372036854775808\r\n',
    ':-9223372036854775808\r\n',
  ],
  ['bulk', (to) => to.bulk(value, 1, 4), '$3\r\nell\r\n', '$3\r\nell\r\n'],
  ['empty bulk', (to) => to.bulk(value, 0, 0), '$0\r\n\r\n', '$0\r\n\r\n'],
  ['bulk text', (to) => to.bulkText('\xff'), '$1\r\n\xff\r\n', '$1\r\n\xff\r\n'],
  ['bulk integer', (to) => to.bulkInteger(-10), '$3\r\n-10\r\n', '$3\r\n-10\r\n'],
  ['nil', (to) => to.nil(), '$-1\r\n', '_\r\n'],
  ['nil array', (to) => to.nilArray(), '*-1\r\n', '_\r\n'],
  ['array', (to) => to.array(3), '*3\r\n', '*3\r\n'],
  ['map', (to) => to.map(3), '*6\r\n', '%3\r\n'],
  ['set', (to) => to.set(3), '*3\r\n', '~3\r\n'],
  ['push', (to) => to.push(3), '*3\r\n', '>3\r\n'],
  ['double', (to) => to.double(1.5), '$3\r\n1.5\r\n', ',1.5\r\n'],
  [
    'repeating double',
    (to) => to.double(0.1),
    '$19\r\n0.10000000000000001\r\n',
    ',0.10000000000000001\r\n',
  ],
  [
    'large double',
    (to) => to.double(1e300),
    '$23\r\n1.0000000000000001e+300\r\n',
    ',1.0000000000000001e+300\r\n',
  ],
  ['infinity', (to) => to.double(-Infinity), '$4\r\n-inf\r\n', ',-inf\r\n'],
  ['boolean', (to) => to.boolean(true), ':1\r\n', '#t\r\n'],
  ['verbatim', (to) => to.verbatim('txt', 'hi'), '$2\r\nhi\r\n', '=6\r\ntxt:hi\r\n'],
]

describe('RESP writer', () => {
  for (const [title, write, resp2, resp3] of cases) {
    it(`${title} as RESP2`, () => assert.equal(written(2, write), resp2))
    it(`${title} as RESP3`, () => assert.equal(written(3, write), resp3))
  }

  for (const bytes of [48, 49, 4096, LARGE_VALUE_BYTES - 1, LARGE_VALUE_BYTES, 300_000]) {
    it(`keeps order around a value of ${bytes} bytes`, () => {
      const large = Buffer.alloc(bytes, 'v')
      const reply = `:1\r\n$${bytes}\r\n${large}\r\n:2\r\n`
      const text = written(2, (to) => {
        for (let round = 0; round < 3; round++) {
          to.integer(1)
          to.bulk(large, 0, bytes)
          to.integer(2)
        }
      })
      assert.equal(text, reply.repeat(3))
    })
  }

  it('stops at its limit and says so', () => {
    const out = new ReplyBuffer()
    out.totalBytesMax = 1_000_000
    const writer = new RespWriter(out)
    for (let round = 0; round < 100_000; round++) writer.bulk(value, 0, 5)
    assert.ok(out.hasOverflowed)
    assert.ok(out.totalBytes <= out.totalBytesMax)
    out.reset()
    assert.ok(!out.hasOverflowed)
    assert.equal(out.totalBytes, 0)
  })

  it('stops at its limit with large values too', () => {
    const out = new ReplyBuffer()
    out.totalBytesMax = 10 * LARGE_VALUE_BYTES
    const large = Buffer.alloc(LARGE_VALUE_BYTES)
    const writer = new RespWriter(out)
    for (let round = 0; round < 100; round++) writer.bulk(large, 0, large.length)
    assert.ok(out.hasOverflowed)
    assert.ok(out.totalBytes <= out.totalBytesMax)
  })
})
