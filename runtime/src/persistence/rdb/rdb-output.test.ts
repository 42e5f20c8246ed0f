import assert from 'node:assert/strict'
import { Bytes } from '../../engine/bytes.ts'
import { COPIED_BYTES_MAX, RdbOutput } from './rdb-output.ts'
import { decodeAll } from './testing/rdb-bytes.ts'

const hex = (write: (output: RdbOutput) => void): string => {
  const output = new RdbOutput()
  write(output)
  return output.takeAll().toString('hex')
}

/** The file with one key `k` whose value `write` writes. */
function entry(write: (output: RdbOutput) => void): string | undefined {
  const output = new RdbOutput(32)
  output.raw('REDIS0010')
  output.byte(0)
  output.text('k')
  write(output)
  output.byte(0xff)
  const bytes = output.takeAll()
  return decodeAll([bytes, output.checksum()])[1]
}

describe('RDB output', () => {
  it('writes lengths in as few bytes as the format has for them', () => {
    assert.equal(
      hex((output) => output.length(63)),
      '3f',
    )
    assert.equal(
      hex((output) => output.length(64)),
      '4040',
    )
    assert.equal(
      hex((output) => output.length(16_383)),
      '7fff',
    )
    assert.equal(
      hex((output) => output.length(16_384)),
      '8000004000',
    )
    assert.equal(
      hex((output) => output.length(2 ** 32 - 1)),
      '80ffffffff',
    )
    assert.equal(
      hex((output) => output.length(2 ** 32)),
      '810000000100000000',
    )
  })

  it('writes strings that are integers as such, and only those', () => {
    const integers = [
      '0',
      '-1',
      '127',
      '-128',
      '128',
      '-32768',
      '32768',
      '2147483647',
      '-2147483648',
    ]
    const others = ['', '-0', '01', '+1', ' 1', '1 ', '2147483648', '-2147483649', '1e3', 'x']
    for (const text of [...integers, ...others]) {
      const bytes = Buffer.from(text)
      assert.equal(
        entry((output) => output.string(bytes, 0, bytes.length)),
        `k=${text} @-1`,
      )
      const first = hex((output) => output.string(bytes, 0, bytes.length)).slice(0, 1)
      assert.equal(first === 'c', integers.includes(text), text)
    }
    for (const value of [0, -128, 32_767, 2 ** 31, Number.MAX_SAFE_INTEGER, -(2 ** 40)]) {
      assert.equal(
        entry((output) => output.integerString(value)),
        `k=${value} @-1`,
      )
    }
  })

  it('refers to long strings until they change', () => {
    const output = new RdbOutput()
    const long = Buffer.alloc(COPIED_BYTES_MAX + 1, 'a')
    output.string(long, 0, long.length)
    output.byte(0)
    output.string(long, 0, long.length)
    const head = output.take(1000)
    output.keep(new Bytes().set(long, 0, long.length))
    long.fill('b')
    const bytes = Buffer.concat([head ?? long, output.takeAll()])
    assert.equal(bytes.length, 2 * (long.length + 5) + 1)
    assert.equal(bytes.indexOf('b'), -1)
    assert.equal(output.waitingBytes, 0)
  })
})
