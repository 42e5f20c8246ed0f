import assert from 'node:assert/strict'
import { Backlog } from '../server/backlog.ts'
import { argsOf } from './args.ts'
import {
  ARGS_MAX,
  BULK_BYTES_MAX,
  INLINE_BYTES_MAX,
  LENGTH_LINE_BYTES_MAX,
  UNAUTHENTICATED_ARGS_MAX,
  UNAUTHENTICATED_BULK_BYTES_MAX,
} from './limits.ts'
import { COMPLETE, NEEDS_MORE, RequestDecoder } from './request-decoder.ts'
import { type Cut, cuts, seedForTests } from './testing/cuts.ts'

/** Commands that came out, the last element the error if there was one. */
type Decoded = readonly (readonly string[] | { readonly error: string })[]
type DecoderCase = readonly [title: string, wire: string, expected: Decoded, isTrusted?: boolean]

const protocolError = (reason: string) => ({ error: `ERR Protocol error: ${reason}` })
const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`
const request = (...words: string[]) => `*${words.length}\r\n${words.map(bulk).join('')}`
const long = 'x'.repeat(INLINE_BYTES_MAX - 'ECHO \r'.length)

const cases: readonly DecoderCase[] = [
  ['inline command', 'PING\r\n', [['PING']]],
  ['inline command without carriage return', 'PING\n', [['PING']]],
  ['inline words with spaces around', '  SET \t k  v \r\n', [['SET', 'k', 'v']]],
  ['empty lines are skipped', '\r\n\n  \r\nPING\r\n', [['PING']]],
  ['double quotes with escapes', 'SET k "a \\"b\\" \\x41\\n\\q"\r\n', [['SET', 'k', 'a "b" A\nq']]],
  ['single quotes', "SET k 'a \\'b\\' \\n'\r\n", [['SET', 'k', "a 'b' \\n"]]],
  ['empty quotes are an empty argument', 'SET k ""\r\n', [['SET', 'k', '']]],
  ['quotes within a word', 'SET k foo"bar"\r\n', [['SET', 'k', 'foobar']]],
  ['a null byte ends the inline line', 'GET k\0 rest\r\n', [['GET', 'k']]],
  ['quotes that do not close', 'SET k "a\r\n', [protocolError('unbalanced quotes in request')]],
  ['text after a quote', 'SET k "a"b\r\n', [protocolError('unbalanced quotes in request')]],
  ['multibulk', request('GET', 'k'), [['GET', 'k']]],
  ['two in one chunk', request('PING') + request('GET', 'k'), [['PING'], ['GET', 'k']]],
  ['inline after multibulk', `${request('PING')}GET k\r\n`, [['PING'], ['GET', 'k']]],
  ['empty argument', request('ECHO', ''), [['ECHO', '']]],
  ['binary argument', request('ECHO', '\r\n\0\xff*$'), [['ECHO', '\r\n\0\xff*$']]],
  ['empty multibulk is skipped', `*0\r\n${request('PING')}`, [['PING']]],
  ['negative multibulk length is skipped', `*-1\r\n${request('PING')}`, [['PING']]],
  ['multibulk length that is no number', '*x\r\n', [protocolError('invalid multibulk length')]],
  ['multibulk length with a leading zero', '*01\r\n', [protocolError('invalid multibulk length')]],
  ['multibulk length with a plus', '*+1\r\n', [protocolError('invalid multibulk length')]],
  ['empty multibulk length', '*\r\n', [protocolError('invalid multibulk length')]],
  ['most arguments', `*${ARGS_MAX}\r\n`, []],
  ['one argument too many', `*${ARGS_MAX + 1}\r\n`, [protocolError('invalid multibulk length')]],
  [
    'multibulk length beyond 64 bits',
    '*99999999999999999999\r\n',
    [protocolError('invalid multibulk length')],
  ],
  ['bulk without dollar', '*1\r\n:1\r\n', [protocolError("expected '$', got ':'")]],
  ['bulk that is an empty line', '*1\r\n\r\n', [protocolError("expected '$', got ' '")]],
  ['negative bulk length', '*1\r\n$-1\r\n', [protocolError('invalid bulk length')]],
  ['bulk length that is no number', '*1\r\n$1a\r\n', [protocolError('invalid bulk length')]],
  ['longest bulk', `*1\r\n$${BULK_BYTES_MAX}\r\n`, []],
  [
    'bulk longer than the limit',
    `*1\r\n$${BULK_BYTES_MAX + 1}\r\n`,
    [protocolError('invalid bulk length')],
  ],
  [
    'the error comes after good commands',
    `${request('PING')}*1\r\n!`.concat('\r\n'),
    [['PING'], protocolError("expected '$', got '!'")],
  ],
  ['longest inline command', `ECHO ${long}\r`.concat('\n'), [['ECHO', long]]],
  ['inline command too long', `ECHO ${long}xx`, [protocolError('too big inline request')]],
  [
    'length line without end',
    `*1\r\n$${'1'.repeat(LENGTH_LINE_BYTES_MAX)}`,
    [protocolError('too big bulk count string')],
  ],
  [
    'count line without end',
    `*${'1'.repeat(LENGTH_LINE_BYTES_MAX)}`,
    [protocolError('too big mbulk count string')],
  ],
  ['half a command', '*2\r\n$3\r\nGET\r\n$1\r\n', []],
  [
    'as many arguments as a stranger may send',
    request(...Array<string>(UNAUTHENTICATED_ARGS_MAX).fill('a')),
    [Array<string>(UNAUTHENTICATED_ARGS_MAX).fill('a')],
    false,
  ],
  [
    'more arguments than a stranger may send',
    `*${UNAUTHENTICATED_ARGS_MAX + 1}\r\n`,
    [protocolError('unauthenticated multibulk length')],
    false,
  ],
  [
    'as long a bulk as a stranger may send',
    `*1\r\n$${UNAUTHENTICATED_BULK_BYTES_MAX}\r\n`,
    [],
    false,
  ],
  [
    'a longer bulk than a stranger may send',
    `*1\r\n$${UNAUTHENTICATED_BULK_BYTES_MAX + 1}\r\n`,
    [protocolError('unauthenticated bulk length')],
    false,
  ],
]

/** Feeds chunks as a connection does: a shared read buffer, and a backlog for what is unfinished. */
function decodeAll(chunks: readonly Buffer[], isTrusted: boolean): Decoded {
  const decoded: (readonly string[] | { error: string })[] = []
  const shared = Buffer.alloc(chunks.reduce((most, { length }) => Math.max(most, length), 1))
  const decoder = new RequestDecoder()
  let backlog: Backlog | undefined
  for (const chunk of chunks) {
    chunk.copy(shared.fill(0xee))
    if (backlog === undefined) decoder.restart()
    else if (backlog.append(shared, chunk.length, decoder.commandStart, decoder.bytesAwaited)) {
      decoder.rebase(backlog.bytes)
    }
    const bytes = backlog?.bytes ?? shared
    const end = backlog?.length ?? chunk.length
    for (;;) {
      const status = decoder.decode(bytes, end, isTrusted)
      if (status === NEEDS_MORE) break
      if (status !== COMPLETE) return [...decoded, { error: decoder.error }]
      const words = Array.from({ length: decoder.args.count }, (_, at) => decoder.args.text(at))
      if (words.length > 0) decoded.push(words)
    }
    if (decoder.commandStart === end) {
      backlog = undefined
    } else if (backlog === undefined) {
      backlog = new Backlog(bytes, decoder.commandStart, end, decoder.bytesAwaited)
      decoder.rebase(backlog.bytes)
    }
  }
  return decoded
}

/** Equality without printing whole megabytes when it fails. */
function assertSame(actual: Decoded, expected: Decoded): void {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (found !== wanted) assert.fail(`${found.slice(0, 500)} is not ${wanted.slice(0, 500)}`)
}

describe('request decoder', () => {
  const seed = seedForTests()
  for (const [title, wire, expected, isTrusted = true] of cases) {
    for (const cut of cuts(seed)) {
      it(`${title}, ${cut.name}`, () => {
        assertSame(decodeAll(cut.apply(wire), isTrusted), expected)
      })
    }
  }

  it('decodes any commands however they are cut', () => {
    const random: Cut = cuts(seed)[2]
    const commands = Array.from({ length: 300 }, (_, at) => [
      'SET',
      `key:${at}`,
      '\r\n$'.repeat((at * 7919) % 500),
    ])
    const wire = commands.map((words) => request(...words)).join('')
    for (let round = 0; round < 20; round++) {
      assertSame(decodeAll(random.apply(wire), true), commands)
    }
  })

  it('looks at each byte of a long command once, however small the pieces', () => {
    const words = Array.from({ length: 20_000 }, (_, at) => `argument-${at}`)
    assertSame(decodeAll(cuts(seed)[1].apply(request(...words)), true), [words])
  })
})

describe('arguments', () => {
  it('compare as ASCII without regard to case, and only ASCII', () => {
    assert.ok(argsOf('NoSuCh').is(0, 'nosuch'))
    assert.ok(!argsOf('NX').is(0, 'nxx'))
    assert.ok(!argsOf('[').is(0, '{'))
  })

  for (const [text, expected] of [
    ['0', 0],
    ['-1', -1],
    ['9223372036854775807', 2 ** 63],
    ['123456789012345', 123_456_789_012_345],
    ['9223372036854775808', Number.NaN],
    ['-0', Number.NaN],
    ['+1', Number.NaN],
    ['01', Number.NaN],
    [' 1', Number.NaN],
    ['1.0', Number.NaN],
    ['', Number.NaN],
    ['-', Number.NaN],
  ] as const) {
    it(`reads ${JSON.stringify(text)} as the integer ${expected}`, () => {
      assert.equal(argsOf(text).integer(0), expected)
    })
  }

  it('keeps the last digit of 64-bit integers', () => {
    assert.equal(argsOf('9223372036854775807').int64(0), 2n ** 63n - 1n)
    assert.equal(argsOf('-9223372036854775808').int64(0), -(2n ** 63n))
    assert.equal(argsOf('-9223372036854775809').int64(0), undefined)
  })

  for (const [text, expected] of [
    ['1.5', 1.5],
    ['-.5e3', -500],
    ['inf', Infinity],
    ['-INFINITY', -Infinity],
    ['0x1p4', 16],
    ['nan', Number.NaN],
    ['1.5x', Number.NaN],
    ['', Number.NaN],
    [' 1', Number.NaN],
  ] as const) {
    it(`reads ${JSON.stringify(text)} as the number ${expected}`, () => {
      assert.equal(argsOf(text).float(0), expected)
    })
  }
})
