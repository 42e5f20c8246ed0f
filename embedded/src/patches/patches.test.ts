import assert from 'node:assert/strict'
import fc from 'fast-check'
import { builtInSchema } from '../schema/built-in-schemas.ts'
import type { Fields } from '../schema/schema.ts'
import { isSameJson } from '../store/json-equality.ts'
import { applyJsonPatch, JSON_PATCH_OPERATIONS_MAX } from './json-patch.ts'
import { applyMergePatch } from './merge-patch.ts'
import { applyStrategicMerge } from './strategic-merge.ts'

const podSchema = builtInSchema('io.k8s.api.core.v1.Pod')

const plain = { noNullPrototype: true }
const fieldName = fc.constantFrom('a', 'b', 'c', 'd')
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(1, 'x', true, null),
    fc.dictionary(fieldName, tie('tree'), plain),
    fc.array(tie('tree'), { maxLength: 3 }),
  ),
}))
const object = fc.dictionary(fieldName, tree, plain) as fc.Arbitrary<Fields>

const hasNull = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.values(value).some(hasNull))

const noNulls = object.filter((value) => !hasNull(value))

/** The merge patch that turns one object into another. */
function diff(from: Fields, to: Fields): Fields {
  const patch: Fields = {}
  for (const field of Object.keys(from)) if (!(field in to)) patch[field] = null
  for (const [field, value] of Object.entries(to)) {
    const before = from[field]
    if (isSameJson(before, value)) continue
    const areObjects = [before, value].every(
      (one) => typeof one === 'object' && one !== null && !Array.isArray(one),
    )
    patch[field] = areObjects ? diff(before as Fields, value as Fields) : value
  }
  return patch
}

describe('merge patch', () => {
  // https://www.rfc-editor.org/rfc/rfc7386#appendix-A
  const cases: readonly [target: unknown, patch: unknown, result: unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ]
  for (const [target, patch, result] of cases) {
    it(`${JSON.stringify(target)} with ${JSON.stringify(patch)}`, () => {
      assert.deepEqual(applyMergePatch(target, patch), result)
    })
  }

  it('turns any object into any other by their difference', () => {
    fc.assert(
      fc.property(noNulls, noNulls, (from, to) => {
        assert.deepEqual(applyMergePatch(from, diff(from, to)), to)
      }),
    )
  })

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(object, object, (target, patch) => {
        const once = applyMergePatch(target, patch)
        assert.deepEqual(applyMergePatch(once, patch), once)
      }),
    )
  })
})

describe('strategic merge patch', () => {
  const container = (name: string, more: Fields = {}) => ({ name, image: `${name}:1`, ...more })
  const pod = (...containers: Fields[]) => ({ spec: { containers } })

  const cases: readonly [title: string, target: unknown, patch: unknown, result: unknown][] = [
    [
      'merges list items by their key',
      pod(container('a'), container('b')),
      { spec: { containers: [{ name: 'b', image: 'b:2' }] } },
      pod(container('a'), { name: 'b', image: 'b:2' }),
    ],
    [
      'adds items with a new key',
      pod(container('a')),
      pod(container('c')),
      pod(container('a'), container('c')),
    ],
    [
      'deletes an item',
      pod(container('a'), container('b')),
      { spec: { containers: [{ name: 'a', $patch: 'delete' }] } },
      pod(container('b')),
    ],
    [
      'replaces a list',
      pod(container('a'), container('b')),
      { spec: { containers: [{ $patch: 'replace' }, container('c')] } },
      pod(container('c')),
    ],
    [
      'replaces an object',
      { metadata: { labels: { a: '1', b: '2' } } },
      { metadata: { labels: { $patch: 'replace', c: '3' } } },
      { metadata: { labels: { c: '3' } } },
    ],
    [
      'orders items as told, others beside their neighbours',
      pod(container('a'), container('x'), container('b')),
      {
        spec: {
          '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
          containers: [{ name: 'a', image: 'a:2' }],
        },
      },
      pod(container('x'), container('b'), { name: 'a', image: 'a:2' }),
    ],
    [
      'keeps only the keys that are retained',
      { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
      { spec: { volumes: [{ name: 'v', secret: {}, $retainKeys: ['name', 'secret'] }] } },
      { spec: { volumes: [{ name: 'v', secret: {} }] } },
    ],
    [
      'unites lists of primitives and deletes from them',
      { metadata: { finalizers: ['x/a', 'x/b'] } },
      {
        metadata: {
          finalizers: ['x/c'],
          '$deleteFromPrimitiveList/finalizers': ['x/a'],
        },
      },
      { metadata: { finalizers: ['x/b', 'x/c'] } },
    ],
    [
      'replaces atomic lists',
      pod(container('a', { args: ['1', '2'] })),
      { spec: { containers: [{ name: 'a', args: ['3'] }] } },
      pod(container('a', { args: ['3'] })),
    ],
  ]
  for (const [title, target, patch, result] of cases) {
    it(title, () => assert.deepEqual(applyStrategicMerge(target, patch, podSchema), result))
  }

  it('names the key that an item lacks', () => {
    assert.throws(
      () => applyStrategicMerge(pod(), { spec: { containers: [{ image: 'x' }] } }, podSchema),
      /does not contain declared merge key: name/,
    )
  })

  it('is a merge patch where no schema says otherwise', () => {
    fc.assert(
      fc.property(object, object, (target, patch) => {
        const merged = applyMergePatch(target, patch)
        assert.deepEqual(applyStrategicMerge(target, patch, {}), merged)
      }),
    )
  })
})

describe('JSON patch', () => {
  it('does what its operations say, in order', () => {
    const target = { a: { b: [1, 2] }, c: 3 }
    const patch = [
      { op: 'test', path: '/c', value: 3 },
      { op: 'add', path: '/a/b/-', value: 3 },
      { op: 'move', from: '/c', path: '/d' },
      { op: 'remove', path: '/a/b/0' },
    ]
    assert.deepEqual(applyJsonPatch(target, patch), { a: { b: [2, 3] }, d: 3 })
    assert.deepEqual(target, { a: { b: [1, 2] }, c: 3 })
  })

  const refused: readonly [title: string, patch: unknown, code: number][] = [
    ['a failed test', [{ op: 'test', path: '/c', value: 4 }], 422],
    ['a missing path', [{ op: 'remove', path: '/x/y' }], 422],
    ['what is no list', { op: 'add' }, 400],
    ['an unknown operation', [{ op: 'grow', path: '/c' }], 400],
    ['a way to the prototype', [{ op: 'add', path: '/__proto__/x', value: 1 }], 400],
    [
      'too many operations',
      Array.from({ length: JSON_PATCH_OPERATIONS_MAX + 1 }, () => ({ op: 'test', path: '/c' })),
      413,
    ],
  ]
  for (const [title, patch, code] of refused) {
    it(`refuses ${title} with ${code}`, () => {
      assert.throws(
        () => applyJsonPatch({ c: 3 }, patch),
        (error: { code: number }) => error.code === code,
      )
    })
  }
})
