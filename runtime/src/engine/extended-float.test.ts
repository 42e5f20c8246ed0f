import assert from 'node:assert/strict'
import { addExtended, formatExtended, parseExtended } from './extended-float.ts'

function add(left: string, right: string): string {
  const [a, b] = [parseExtended(left), parseExtended(right)]
  if (typeof a === 'string' || typeof b === 'string') return 'refused'
  const sum = addExtended(a, b)
  return sum === 'infinite' ? sum : formatExtended(sum)
}

/** Answers of redis-server 7.0.15 on x86-64. */
const sums: readonly [left: string, right: string, expected: string][] = [
  ['10.50', '0.1', '10.6'],
  ['0.1', '0.2', '0.3'],
  ['5.0e3', '2.0e2', '5200'],
  ['3', '-3', '0'],
  ['-1.5', '0.5', '-1'],
  ['0', '1e-17', '0.00000000000000001'],
  ['0', '1e-18', '0'],
  ['0', '-1e-30', '0'],
  ['9007199254740993', '0', '9007199254740993'],
  ['18446744073709551617', '0', '18446744073709551616'],
  ['0x1p3', '1', '9'],
  ['.5', '5.', '5.5'],
  ['1e20', '1', '100000000000000000000'],
]

describe('extended float', () => {
  for (const [left, right, expected] of sums) {
    it(`${left} + ${right} = ${expected}`, () => assert.equal(add(left, right), expected))
  }

  for (const text of ['', ' 1', '1 ', 'abc', '1e', 'nan', '1e5000', '1e-5000', '--1', '.', '0x']) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseExtended(text), 'invalid'))
  }

  it('knows infinity and overflow', () => {
    assert.equal(parseExtended('-inf'), 'infinite')
    assert.equal(parseExtended('Infinity'), 'infinite')
    assert.equal(add('1.18e4932', '1.18e4932'), 'infinite')
  })

  it('refuses a text longer than Redis reads, and a hostile exponent at once', () => {
    assert.equal(parseExtended('1'.repeat(5 * 1024)), 'invalid')
    assert.equal(parseExtended('1e999999999999'), 'invalid')
  })
})
