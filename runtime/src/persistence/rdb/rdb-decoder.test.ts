import assert from 'node:assert/strict'
import fc from 'fast-check'
import { cuts, seedForTests } from '../../protocol/testing/cuts.ts'
import { RdbDecoder } from './rdb-decoder.ts'
import { RdbError } from './rdb-error.ts'
import { bytesOf, decodeAll, file, type Part, summedUp } from './testing/rdb-bytes.ts'

const seed = seedForTests()
const [INT8, INT16, INT32, LZF] = [0xc0, 0xc1, 0xc2, 0xc3]
const zeros = (count: number): string => '\0'.repeat(count)

type Case = readonly [title: string, parts: readonly Part[], lines: readonly string[]]

const cases: readonly Case[] = [
  ['nothing', [], []],
  ['aux fields', [0xfa, 1, 'a', 2, 'bc', 0xfa, 1, 'n', INT8, 64], ['aux a=bc', 'aux n=64']],
  ['databases', [0xfe, 3, 0xfb, 5, 0x41, 0x2c], ['select 3', 'resize 5 300']],
  ['a string', [0, 1, 'k', 3, 'abc'], ['k=abc @-1']],
  ['empty key and value', [0, 0, 0], ['= @-1']],
  ['a length of 14 bits', [0, 1, 'k', 0x41, 0, 'x'.repeat(256)], [`k=${'x'.repeat(256)} @-1`]],
  ['a length of 32 bits', [0, 1, 'k', 0x80, zeros(3), 2, 'ab'], ['k=ab @-1']],
  ['a length of 64 bits', [0, 1, 'k', 0x81, zeros(7), 2, 'ab'], ['k=ab @-1']],
  ['an integer of 8 bits', [0, 1, 'k', INT8, 0x80], ['k=-128 @-1']],
  ['an integer of 16 bits', [0, INT8, 7, INT16, 0x00, 0x80], ['7=-32768 @-1']],
  ['an integer of 32 bits', [0, 1, 'k', INT32, zeros(3), 0x80], ['k=-2147483648 @-1']],
  [
    'a compressed string',
    [0, 1, 'k', LZF, 5, 20, 0, 'a', 0xe0, 10, 0],
    ['k=aaaaaaaaaaaaaaaaaaaa @-1'],
  ],
  ['expiry in seconds', [0xfd, 2, zeros(3), 0, 1, 'k', 1, 'v'], ['k=v @2000']],
  ['expiry in milliseconds', [0xfc, 0, 1, zeros(6), 0, 1, 'k', 1, 'v'], ['k=v @256']],
  ['an expiry before the epoch', [0xfc, '\xff'.repeat(8), 0, 1, 'k', 1, 'v'], ['k=v @1']],
  [
    'the last expiry of an int64',
    [0xfc, '\xff'.repeat(7), 0x7f, 0, 1, 'k', 1, 'v'],
    [`k=v @${Number.MAX_SAFE_INTEGER}`],
  ],
  [
    'an expiry is of one key only',
    [0xfd, 2, zeros(3), 0, 1, 'a', 0, 0, 1, 'b', 0],
    ['a= @2000', 'b= @-1'],
  ],
  ['idle time and frequency', [0xf8, 0x41, 0, 0xf9, 255, 0, 1, 'k', 1, 'v'], ['k=v @-1']],
  ['a function', [0xf5, 3, 'lua'], ['skipped']],
  ['a compressed function', [0xf5, LZF, 5, 20, 0, 'a', 0xe0, 10, 0], ['skipped']],
  [
    'a function of a release candidate',
    [0xf6, 1, 'n', 3, 'LUA', 1, 1, 'd', INT16, 0, 0],
    ['skipped'],
  ],
  [
    'the data of a module',
    [
      0xf7,
      0x81,
      '\xff'.repeat(8),
      2,
      1,
      1,
      5,
      2,
      0x81,
      '\xff'.repeat(8),
      3,
      zeros(4),
      4,
      zeros(8),
      5,
      2,
      'ab',
      0,
    ],
    ['skipped'],
  ],
  ['slots', [0xf4, 0x41, 0, 2, 1], ['skipped']],
]

const failures: readonly (readonly [title: string, bytes: Buffer, message: RegExp])[] = [
  ['no file at all', bytesOf('HELLO, WORLD'), /^no RDB header at offset 0$/],
  ['a version that is no number', bytesOf('REDIS00x0', 0xff), /^no RDB header at offset 0$/],
  ['a version too old', summedUp(bytesOf('REDIS0008', 0xff)), /^RDB version 8, where 9 to 12/],
  ['a version too new', summedUp(bytesOf('REDIS0013', 0xff)), /^RDB version 13, where 9 to 12/],
  ['a list', file(18, 1, 'k', 0), /^a value of type list_quicklist_2 \(18\).* at offset 9$/],
  ['an unknown type', file(99, 1, 'k', 0), /^a value of unknown type 99.* at offset 9$/],
  [
    'a string of 2^32 - 1 bytes',
    file(0, 1, 'k', 0x80, '\xff'.repeat(4)),
    /longer than any.* offset 12$/,
  ],
  [
    'a string of 2^62 bytes',
    file(0, 1, 'k', 0x81, 0x40, zeros(7)),
    /^a length beyond 2\^53 at offset 12$/,
  ],
  [
    'a key of 2^64 - 1 bytes',
    file(0, 0x81, '\xff'.repeat(8)),
    /^a length beyond 2\^53 at offset 10$/,
  ],
  ['an aux field of 2^63 bytes', file(0xfa, 0x81, 0x80, zeros(7)), /^a length beyond/],
  ['an unknown length', file(0, 0x82, 1, 'k'), /^unknown length encoding 130 at offset 10$/],
  ['an unknown encoding', file(0, 1, 'k', 0xc4, 1), /^unknown string encoding 4 at offset 12$/],
  [
    'an encoded length',
    file(0xfe, INT8, 1),
    /^an encoded string where a length belongs at offset 10$/,
  ],
  [
    'LZF that promises too much',
    file(0, 1, 'k', LZF, 3, 0x80, 0x1f, zeros(3), 'abc'),
    /cannot become/,
  ],
  [
    'LZF that is too short',
    file(0, 1, 'k', LZF, 2, 3, 0, 'a'),
    /^bad compressed string at offset 12$/,
  ],
  ['LZF that runs over', file(0, 1, 'k', LZF, 5, 9, 0, 'a', 0xe0, 10, 0), /^bad compressed string/],
  [
    'LZF from before its start',
    file(0, 1, 'k', LZF, 4, 4, 0, 'a', 0x20, 1),
    /^bad compressed string/,
  ],
  [
    'a module part that is none',
    file(0xf7, 1, 2, 1, 6),
    /^unknown part 6 of a module's data at offset 13$/,
  ],
  ['a wrong checksum', bytesOf('REDIS0010', 0xff, 'checksum'), /^wrong checksum at offset 10$/],
  [
    'bytes after the end',
    Buffer.concat([file(), Buffer.of(0)]),
    /^bytes after the end at offset 18$/,
  ],
]

describe('RDB decoder', () => {
  for (const [title, parts, lines] of cases) {
    for (const cut of cuts(seed)) {
      it(`${title}, ${cut.name}`, () => {
        const wire = file(...parts).toString('latin1')
        assert.deepEqual(decodeAll(cut.apply(wire)), ['version 10', ...lines])
      })
    }
  }

  for (const [title, bytes, message] of failures) {
    for (const cut of cuts(seed)) {
      it(`refuses ${title}, ${cut.name}`, () => {
        const read = () => decodeAll(cut.apply(bytes.toString('latin1')))
        assert.throws(read, (error) => error instanceof RdbError && message.test(error.message))
      })
    }
  }

  const everything = cases.flatMap(([, parts]) => parts)

  it('reads versions 9 to 12', () => {
    for (const version of ['0009', '0010', '0011', '0012']) {
      const lines = decodeAll([summedUp(bytesOf(`REDIS${version}`, 0, 1, 'k', 1, 'v', 0xff))])
      assert.deepEqual(lines, [`version ${Number(version)}`, 'k=v @-1'])
    }
  })

  it('takes a file without checksum, and says so', () => {
    const decoder = new RdbDecoder()
    decoder.push(bytesOf('REDIS0010', 0xff, zeros(8)))
    assert.deepEqual(
      [decoder.next(), decoder.next(), decoder.hasChecksum],
      ['header', 'end', false],
    )
  })

  it('names the end of a file that was cut anywhere', () => {
    const whole = file(...everything)
    for (let length = 0; length < whole.length; length++) {
      const read = () => decodeAll([whole.subarray(0, length)])
      assert.throws(read, { name: 'RdbError', offset: length }, `${length} bytes`)
    }
  })

  it('believes no file with a bit turned round', () => {
    const whole = file(...everything)
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const damaged = Buffer.from(whole)
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.throws(() => decodeAll([damaged]), RdbError, `bit ${bit}`)
    }
  })

  it('answers any bytes with records or an RdbError', () => {
    const part = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.constantFrom(0, 0x80, 0x81, 0xc3, 0xf5, 0xf7, 0xfa, 0xfc).map((byte) => Buffer.of(byte)),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        try {
          decodeAll([bytesOf('REDIS0010'), ...parts.map((bytes) => Buffer.from(bytes))])
        } catch (error) {
          if (!(error instanceof RdbError)) throw error
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('makes no room for bytes that have not come', () => {
    const before = process.memoryUsage().arrayBuffers
    const decoders = Array.from({ length: 50 }, () => {
      const decoder = new RdbDecoder()
      decoder.push(bytesOf('REDIS0010', 0, 1, 'k', 0x80, 0x1f, '\xff'.repeat(3), 'a few'))
      assert.deepEqual([decoder.next(), decoder.next()], ['header', 'starved'])
      return decoder
    })
    assert.equal(decoders.length, 50)
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024)
  })
})
