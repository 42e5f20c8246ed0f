import assert from 'node:assert/strict'
import type { ApiError } from '../store/api-error.ts'
import { bodyKind, negotiate, patchKind } from './content-type.ts'
import { BODY_DEPTH_MAX, parseJsonBody, parseYamlBody } from './json-body.ts'
import { parseResourcePath } from './request-path.ts'

const bytes = (text: string) => Buffer.from(text)
const isBad = (error: ApiError) => error.code === 400

describe('a body', () => {
  it('is JSON, and names fields that come twice', () => {
    const { value, duplicateFields } = parseJsonBody(
      bytes('{"a": {"b": [{"c": 1, "c": 2}]}, "x": "{\\"a\\":1}", "a": 3}'),
    )
    assert.deepEqual(value, { a: 3, x: '{"a":1}' })
    assert.deepEqual(duplicateFields, ['a.b[0].c', 'a'])
  })

  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

  it(`may be nested ${BODY_DEPTH_MAX} levels deep and no deeper`, () => {
    parseJsonBody(bytes(nested(BODY_DEPTH_MAX)))
    assert.throws(() => parseJsonBody(bytes(nested(BODY_DEPTH_MAX + 1))), /nested deeper/)
    assert.throws(() => parseJsonBody(bytes(nested(1_000_000))), /nested deeper/)
  })

  const refused: readonly [title: string, body: Buffer][] = [
    ['broken JSON', bytes('{"a":')],
    ['no JSON', bytes('hello')],
    ['invalid UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22])],
    ['a null byte', bytes('{"a":"x\0"}')],
    ['an escaped null byte', bytes('{"a":"x\\u0000"}')],
    ['a way to the prototype', bytes('{"__proto__":{"x":1}}')],
    ['the same in disguise', bytes('{"\\u005f_proto__":{"x":1}}')],
  ]
  for (const [title, body] of refused) {
    it(`with ${title} is refused`, () => assert.throws(() => parseJsonBody(body), isBad))
  }

  it('of the worst kind costs no more than its length', () => {
    for (const part of ['\\"', '\\', '"', '{"a":', '"a"'])
      assert.throws(() => parseJsonBody(bytes(`"${part.repeat(1_000_000)}`)), isBad)
  })

  it('may contain an escaped backslash before u0000', () => {
    assert.deepEqual(parseJsonBody(bytes('{"a":"\\\\u0000"}')).value, { a: '\\u0000' })
  })

  it('may be YAML where patches are applied', () => {
    assert.deepEqual(parseYamlBody(bytes('a: 1\nb: [x]\n')).value, { a: 1, b: ['x'] })
    assert.throws(() => parseYamlBody(bytes('a: [')), isBad)
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefg'
      .split('')
      .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdef'[i]}`).join()}]`)
      .join('\n')}`
    assert.throws(() => parseYamlBody(bytes(bomb)), isBad)
  })
})

describe('a path', () => {
  const cases: readonly [path: string, parsed: string | undefined][] = [
    ['/api/v1/pods', '/v1/pods - - -'],
    ['/api/v1/namespaces', '/v1/namespaces - - -'],
    ['/api/v1/namespaces/a', '/v1/namespaces - a -'],
    ['/api/v1/namespaces/a/status', '/v1/namespaces - a status'],
    ['/api/v1/namespaces/a/pods/', '/v1/pods a - -'],
    ['/api/v1/namespaces/a/pods/p/log', '/v1/pods a p log'],
    ['/apis/x.io/v1/namespaces/a/things/t', 'x.io/v1/things a t -'],
    ['/apis/x.io/v1/things/t', 'x.io/v1/things - t -'],
    ['/apis/x.io/v1/namespaces/a/things/t/s/u', undefined],
    ['/api/v1/namespaces//pods', undefined],
    ['/api/v1/pods/%zz', undefined],
    ['/nope/v1/pods', undefined],
  ]
  for (const [path, expected] of cases) {
    it(path, () => {
      const parsed = parseResourcePath(path)
      const text =
        parsed &&
        `${parsed.resource.group}/${parsed.resource.version}/${parsed.resource.plural} ${parsed.namespace ?? '-'} ${parsed.name ?? '-'} ${parsed.subresource ?? '-'}`
      assert.equal(text, expected)
    })
  }
})

describe('content types', () => {
  const forms = ['object', 'table'] as const

  it('fall back from what we do not speak', () => {
    const accept = 'application/vnd.kubernetes.protobuf,application/json'
    assert.equal(negotiate(accept, forms).form, 'object')
    const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
    assert.equal(negotiate(table, forms).form, 'table')
    assert.equal(negotiate(undefined, forms).form, 'object')
  })

  it('are refused with a list of what would do', () => {
    assert.throws(
      () => negotiate('application/vnd.kubernetes.protobuf', forms),
      (error: ApiError) => error.code === 406,
    )
    assert.throws(() => bodyKind('text/html'), /accepted media types include: application\/json/)
    assert.throws(() => patchKind('application/json'), /application\/merge-patch\+json/)
    assert.equal(patchKind('application/apply-patch+yaml; charset=utf-8'), 'apply')
  })
})
