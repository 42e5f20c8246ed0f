import assert from 'node:assert/strict'
import { builtInSchema } from './built-in-schemas.ts'
import { validateRules } from './cel-rules.ts'
import { hasFormat } from './formats.ts'
import { ANNOTATIONS_BYTES_MAX, validateMetadata } from './metadata-rules.ts'
import { compilePattern } from './patterns.ts'
import { applyDefaults, pruneUnknownFields } from './prune.ts'
import { parseQuantity } from './quantity.ts'
import type { Schema } from './schema.ts'
import { CAUSES_MAX, validateSchema } from './validate.ts'

const at = (schema: Schema): Schema => ({ type: 'object', properties: { f: schema } })
const lines = (causes: readonly { field?: string; message: string }[]) =>
  causes.map(({ field, message }) => `${field}: ${message}`)

describe('validation', () => {
  const cases: readonly [value: unknown, schema: Schema, expected: string | undefined][] = [
    [
      'x',
      { type: 'integer' },
      'Invalid value: "string": f in body must be of type integer: "string"',
    ],
    [
      1.5,
      { type: 'integer' },
      'Invalid value: "number": f in body must be of type integer: "number"',
    ],
    [1, { type: 'number' }, undefined],
    [null, { type: 'string' }, 'Invalid value: "null": f in body must be of type string: "null"'],
    [null, { type: 'string', nullable: true }, undefined],
    [
      0,
      { type: 'integer', minimum: 1 },
      'Invalid value: 0: f in body should be greater than or equal to 1',
    ],
    [
      1,
      { type: 'integer', minimum: 1, exclusiveMinimum: true },
      'Invalid value: 1: f in body should be greater than 1',
    ],
    [
      7,
      { type: 'integer', multipleOf: 2 },
      'Invalid value: 7: f in body should be a multiple of 2',
    ],
    ['ab', { type: 'string', maxLength: 1 }, 'Too long: may not be more than 1 byte'],
    ['abc', { type: 'string', maxLength: 2 }, 'Too long: may not be more than 2 bytes'],
    ['äö', { type: 'string', maxLength: 2 }, undefined],
    [
      '',
      { type: 'string', minLength: 1 },
      'Invalid value: "": f in body should be at least 1 chars long',
    ],
    ['b', { type: 'string', pattern: '^a$' }, 'Invalid value: "b": f in body should match \'^a$\''],
    [
      'c',
      { type: 'string', enum: ['a', 'b'] },
      'Unsupported value: "c": supported values: "a", "b"',
    ],
    [[1, 2], { type: 'array', maxItems: 1, items: {} }, 'Too many: 2: must have at most 1 item'],
    [
      [],
      { type: 'array', minItems: 1 },
      'Invalid value: 0: f in body should have at least 1 items',
    ],
    [3, { 'x-kubernetes-int-or-string': true }, undefined],
    [
      true,
      { 'x-kubernetes-int-or-string': true },
      'Invalid value: "boolean": f in body must be of type integer,string: "boolean"',
    ],
    [
      'nope',
      { type: 'string', format: 'ipv4' },
      'Invalid value: "nope": f in body must be of type ipv4: "nope"',
    ],
  ]
  for (const [value, schema, expected] of cases) {
    it(`${JSON.stringify(value)} against ${JSON.stringify(schema)}`, () => {
      const causes = validateSchema({ f: value }, at(schema))
      assert.deepEqual(lines(causes), expected === undefined ? [] : [`f: ${expected}`])
    })
  }

  it('names a required field, a duplicate of a set and of a map', () => {
    const schema: Schema = {
      type: 'object',
      required: ['need'],
      properties: {
        set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        map: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
          items: { type: 'object', properties: { k: { type: 'string' } } },
        },
      },
    }
    const causes = validateSchema({ set: ['a', 'a'], map: [{ k: 'x' }, { k: 'x' }] }, schema)
    assert.deepEqual(lines(causes), [
      'need: Required value',
      'set[1]: Duplicate value: "a"',
      'map[1]: Duplicate value: {"k":"x"}',
    ])
  })

  it(`reports at most ${CAUSES_MAX} violations`, () => {
    const items = Array.from({ length: CAUSES_MAX * 10 }, () => 1)
    const schema: Schema = { type: 'array', items: { type: 'string' } }
    assert.equal(validateSchema(items, schema).length, CAUSES_MAX)
  })
})

describe('rules', () => {
  const rule = (text: string, more = {}) =>
    at({ type: 'integer', 'x-kubernetes-validations': [{ rule: text, ...more }] })

  it('hold, or say what is wrong', () => {
    assert.deepEqual(validateRules({ f: 2 }, undefined, rule('self % 2 == 0')), [])
    assert.deepEqual(lines(validateRules({ f: 3 }, undefined, rule('self % 2 == 0'))), [
      'f: Invalid value: "integer": failed rule: self % 2 == 0',
    ])
    const explained = rule('self < 3', { messageExpression: "'not ' + string(self)" })
    assert.deepEqual(lines(validateRules({ f: 3 }, undefined, explained)), [
      'f: Invalid value: "integer": not 3',
    ])
    const forbidden = rule('false', { message: 'never', reason: 'FieldValueForbidden' })
    assert.deepEqual(lines(validateRules({ f: 3 }, undefined, forbidden)), ['f: Forbidden: never'])
  })

  it('about changes wait for a change', () => {
    const grows = rule('self >= oldSelf')
    assert.deepEqual(validateRules({ f: 1 }, undefined, grows), [])
    assert.deepEqual(validateRules({ f: 2 }, { f: 1 }, grows), [])
    assert.equal(validateRules({ f: 1 }, { f: 2 }, grows).length, 1)
  })

  it('find the old item by its key, whatever its place', () => {
    const schema = at({
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items: {
        type: 'object',
        properties: {
          k: { type: 'string' },
          v: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
        },
      },
    })
    const old = {
      f: [
        { k: 'a', v: 1 },
        { k: 'b', v: 2 },
      ],
    }
    assert.deepEqual(
      validateRules(
        {
          f: [
            { k: 'b', v: 2 },
            { k: 'a', v: 1 },
          ],
        },
        old,
        schema,
      ),
      [],
    )
    assert.deepEqual(
      validateRules({ f: [{ k: 'b', v: 9 }] }, old, schema).map(({ field }) => field),
      ['f[0].v'],
    )
  })

  it('report an expression that fails instead of passing', () => {
    const [cause] = validateRules({ f: 1 }, undefined, rule('self.missing == 1'))
    assert.match(cause?.message ?? '', /evaluating rule: self\.missing == 1/)
  })

  const quantities: readonly [rule: string, holds: boolean][] = [
    ["quantity('1Gi').isGreaterThan(quantity('1000Mi'))", true],
    ["quantity('1500m').compareTo(quantity('1.5')) == 0", true],
    ["quantity('2k').asInteger() == 2000", true],
    ["isQuantity('12Q')", false],
    ["['a', 'b'].exists(x, x == 'b') && ['a'].all(x, x.matches('^[a-z]$'))", true],
  ]
  for (const [text, holds] of quantities) {
    it(`${text} is ${holds}`, () => {
      assert.equal(validateRules({ f: 1 }, undefined, rule(text)).length, holds ? 0 : 1)
    })
  }
})

describe('defaults and pruning', () => {
  const schema: Schema = {
    type: 'object',
    properties: {
      a: { type: 'object', default: {}, properties: { b: { type: 'integer', default: 3 } } },
      n: { type: 'string', nullable: true, default: 'x' },
      m: { type: 'string' },
      free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      map: { type: 'object', additionalProperties: { type: 'object', properties: {} } },
    },
  }

  it('fill in what is missing, and nulls where none is allowed', () => {
    const value = { n: null, m: null }
    applyDefaults(value, schema)
    assert.deepEqual(value, { n: null, a: { b: 3 } })
  })

  it('drop unknown fields and name them', () => {
    const value = { x: 1, a: { y: 2 }, free: { z: 3 }, map: { k: { w: 4 } } }
    assert.deepEqual(pruneUnknownFields(value, schema), ['a.y', 'map.k.w', 'x'])
    assert.deepEqual(value, { a: {}, free: { z: 3 }, map: { k: {} } })
  })

  it('know the built-in kinds, with their cycles', () => {
    const pod = { spec: { containers: [{ name: 'a', imagee: 'x' }] } }
    assert.deepEqual(pruneUnknownFields(pod, builtInSchema('io.k8s.api.core.v1.Pod')), [
      'spec.containers[0].imagee',
    ])
    const crd = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition'
    const properties = { p: { type: 'object', properties: { q: { typ: 'x' } } } }
    const versions = [{ name: 'v1', schema: { openAPIV3Schema: { properties } } }]
    assert.deepEqual(pruneUnknownFields({ spec: { versions } }, builtInSchema(crd)), [
      'spec.versions[0].schema.openAPIV3Schema.properties.p.properties.q.typ',
    ])
  })
})

describe('metadata', () => {
  const problem = (metadata: Record<string, unknown>) =>
    lines(
      validateMetadata({ name: 'a', ...metadata }, { nameForm: 'subdomain', isCustom: false }),
    )[0]

  it('has good names, labels, annotations, finalizers and owners', () => {
    assert.equal(problem({ labels: { 'example.com/app': 'x', b: '' } }), undefined)
    assert.match(
      problem({ labels: { 'a b': 'x' } }) ?? '',
      /^metadata\.labels: Invalid value: "a b"/,
    )
    assert.match(problem({ labels: { a: 'x y' } }) ?? '', /^metadata\.labels: Invalid value: "x y"/)
    assert.match(problem({ finalizers: ['a/b/c'] }) ?? '', /^metadata\.finalizers/)
    assert.match(problem({ finalizers: ['bare'] }) ?? '', /^metadata\.finalizers\[0\]/)
    assert.equal(problem({ finalizers: ['a.b/c', 'orphan'] }), undefined)
    assert.match(problem({ ownerReferences: [{ kind: 'X' }] }) ?? '', /ownerReferences\.apiVersion/)
    assert.match(problem({ name: 'a'.repeat(254) }) ?? '', /must be no more than 253 bytes/)
  })

  it(`holds ${ANNOTATIONS_BYTES_MAX} bytes of annotations and not one more`, () => {
    const full = (more: number) => ({
      annotations: { a: 'x'.repeat(ANNOTATIONS_BYTES_MAX - 1 + more) },
    })
    assert.equal(problem(full(0)), undefined)
    assert.match(problem(full(1)) ?? '', /^metadata\.annotations: Too long/)
  })
})

describe('quantities', () => {
  const cases: readonly [text: string, nano: bigint | undefined][] = [
    ['1', 10n ** 9n],
    ['1Ki', 1024n * 10n ** 9n],
    ['1.5', 15n * 10n ** 8n],
    ['100m', 10n ** 8n],
    ['1e3', 10n ** 12n],
    ['-2', -2n * 10n ** 9n],
    ['0.1n', 1n],
    ['', undefined],
    ['1Q', undefined],
    ['1 Mi', undefined],
    ['9'.repeat(65), undefined],
  ]
  for (const [text, nano] of cases)
    it(JSON.stringify(text), () => assert.equal(parseQuantity(text), nano))
})

describe('formats and patterns', () => {
  it('check what Kubernetes checks, and ignore what it ignores', () => {
    assert.deepEqual(
      [
        hasFormat('2030-01-01T00:00:00Z', 'date-time'),
        hasFormat('yesterday', 'date-time'),
        hasFormat('1h30m', 'duration'),
        hasFormat('10.0.0.0/8', 'cidr'),
        hasFormat('anything', 'no-such-format'),
      ],
      [true, false, true, true, true],
    )
  })

  it('are RE2: no look-around, no back-references', () => {
    assert.ok(compilePattern('^[a-z\\-]+$').test('a-b'))
    assert.ok(compilePattern('(?i)^A$').test('a'))
    assert.throws(() => compilePattern('^(?!a)b$'), SyntaxError)
    assert.throws(() => compilePattern('(a)\\1'), SyntaxError)
  })
})
