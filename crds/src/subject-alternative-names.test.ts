import assert from 'node:assert/strict'
import { uriNames } from './subject-alternative-names.ts'

const cases: readonly [title: string, line: string | undefined, names: readonly string[]][] = [
  ['no names', undefined, []],
  ['an empty line', '', []],
  ['one URI', 'URI:miniredis://ns/operator', ['miniredis://ns/operator']],
  [
    'a URI among others',
    'DNS:a.example, URI:miniredis://ns/p/m, IP Address:::1',
    ['miniredis://ns/p/m'],
  ],
  ['two URIs', 'URI:a:b, URI:c:d', ['a:b', 'c:d']],
  ['a quoted URI', 'URI:"a, b"', ['a, b']],
  ['a URI inside a quoted DNS name', 'DNS:"x, URI:miniredis://ns/operator, y"', []],
  ['an escaped quote', 'DNS:"x\\", URI:a", URI:b', ['b']],
  ['an open quote', 'URI:a, DNS:"x', []],
  ['a bad escape', 'URI:"\\q"', []],
]

describe('URI names of a certificate', () => {
  for (const [title, line, names] of cases) {
    it(title, () => assert.deepEqual(uriNames(line), names))
  }
})
