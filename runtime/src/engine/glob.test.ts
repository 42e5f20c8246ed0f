import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Glob } from './glob.ts'

function matches(pattern: string, text: string): boolean {
  const bytes = Buffer.from(pattern, 'latin1')
  const subject = Buffer.from(text, 'latin1')
  return new Glob(bytes, 0, bytes.length).matches(subject, 0, subject.length)
}

const cases: readonly [pattern: string, text: string, expected: boolean][] = [
  ['*', '', true],
  ['**', '', false],
  ['', '', true],
  ['', 'a', false],
  ['h?llo', 'hello', true],
  ['h?llo', 'hllo', false],
  ['h*llo', 'heeeello', true],
  ['h[ae]llo', 'hallo', true],
  ['h[^e]llo', 'hello', false],
  ['h[^e]llo', 'hallo', true],
  ['h[a-b]llo', 'hbllo', true],
  ['h[b-a]llo', 'hallo', true],
  ['h\\*llo', 'h*llo', true],
  ['h\\*llo', 'hello', false],
  ['\\', '\\', true],
  ['[', 'a', false],
  ['[a', 'a', true],
  ['[]', 'a', false],
  ['[^]', 'a', true],
  ['[\\]]', ']', true],
  ['[a-]', '-', false], // a range from a to ], not closed
  ['[a-]', '_', true],
  ['[\x01-\xff]', 'a', false],
  ['[\x80-\xff]', '\x90', true],
  ['a*b*c', 'aXbXbXc', true],
  ['a*b*c', 'aXbXbX', false],
  ['*a', 'aaaa', true],
  ['a**', 'a', true],
]

describe('glob', () => {
  for (const [pattern, text, expected] of cases) {
    it(`${JSON.stringify(pattern)} ${expected ? 'takes' : 'refuses'} ${JSON.stringify(text)}`, () =>
      assert.equal(matches(pattern, text), expected))
  }

  it('agrees with a plain recursive matcher of stars and question marks', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 10 })
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(pattern, text, (stars, subject) => {
        const expression = stars.replaceAll('*', '.*').replaceAll('?', '.')
        assert.equal(matches(stars, subject), new RegExp(`^${expression}$`).test(subject))
      }),
      { numRuns: 2000 },
    )
  })

  it('gives up on a hostile pattern within its budget', () => {
    assert.equal(matches(`${'*a'.repeat(500)}b`, 'a'.repeat(100_000)), false)
  })
})
