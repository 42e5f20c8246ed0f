import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Fields, Schema } from '../schema/schema.ts'
import type { ApiError } from '../store/api-error.ts'
import type { ManagedFieldsEntry } from '../store/kube-object.ts'
import { resources } from '../store/resources.ts'
import { openTestApi, widgetDefinition, widgets } from '../testing.ts'
import { decodeFieldsV1, difference, encodeFieldsV1, intersection, union } from './field-set.ts'
import { applyConfiguration, trackUpdate, UPDATE_MANAGERS_MAX } from './managed-fields.ts'
import { compareValues, fieldSetOf, mergeValues, removeFields } from './typed-value.ts'

const key = { namespace: 'default', name: 'w' }

function applying() {
  const { store } = openTestApi()
  store.create(resources.customResourceDefinitions, widgetDefinition)
  const apply = (fieldManager: string, spec: Fields, force = false) =>
    store.patch(widgets, key, { kind: 'apply', body: { spec }, force }, { fieldManager })
  const specOf = () => store.get(widgets, key).spec
  const owners = () =>
    Object.fromEntries(
      (store.get(widgets, key).metadata.managedFields ?? []).map(({ manager, fieldsV1 }) => [
        manager,
        fieldsV1['f:spec'],
      ]),
    )
  return { store, apply, specOf, owners }
}

describe('server-side apply', () => {
  it('creates, and writes down who owns what', () => {
    const { apply, specOf, owners } = applying()
    apply('one', { size: 1, parts: [{ name: 'a', count: 1 }], tags: ['x'], blob: { deep: 1 } })
    assert.deepEqual(specOf(), {
      size: 1,
      parts: [{ name: 'a', count: 1 }],
      tags: ['x'],
      blob: { deep: 1 },
      color: 'blue',
    })
    assert.deepEqual(owners().one, {
      'f:blob': { 'f:deep': {} },
      'f:parts': { 'k:{"name":"a"}': { '.': {}, 'f:count': {}, 'f:name': {} } },
      'f:size': {},
      'f:tags': { 'v:"x"': {} },
    })
  })

  it('removes what its manager no longer applies', () => {
    const { apply, specOf } = applying()
    apply('one', { size: 1, parts: [{ name: 'a' }, { name: 'b' }], tags: ['x', 'y'] })
    apply('one', { parts: [{ name: 'b' }], tags: ['y'] })
    assert.deepEqual(specOf(), { parts: [{ name: 'b' }], tags: ['y'], color: 'blue' })
  })

  it('leaves what others own', () => {
    const { apply, specOf } = applying()
    apply('one', { size: 1, parts: [{ name: 'a' }] })
    apply('two', { size: 1, parts: [{ name: 'a', count: 2 }, { name: 'z' }] })
    apply('one', { color: 'red' })
    assert.deepEqual(specOf(), {
      size: 1,
      parts: [{ name: 'a', count: 2 }, { name: 'z' }],
      color: 'red',
    })
  })

  it('refuses to change what another manager owns, unless forced', () => {
    const { store, apply, specOf, owners } = applying()
    apply('one', { size: 1, color: 'red' })
    assert.throws(
      () => apply('two', { size: 2 }),
      (error: ApiError) => {
        assert.equal(error.code, 409)
        assert.equal(error.message, 'Apply failed with 1 conflict: conflict with "one": .spec.size')
        assert.deepEqual(error.status.details?.causes, [
          { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.spec.size' },
        ])
        return true
      },
    )
    apply('two', { size: 2 }, true)
    assert.deepEqual(specOf(), { size: 2, color: 'red' })
    assert.deepEqual(owners(), { one: { 'f:color': {} }, two: { 'f:size': {} } })
    const merge = { kind: 'merge', body: { spec: { size: 3 } } } as const
    store.patch(widgets, key, merge, { fieldManager: 'hand' })
    assert.deepEqual(owners().two, undefined, 'an update takes what it changes')
    assert.throws(() => apply('two', { size: 2 }), /conflict with "hand" using example.com\/v1/)
  })

  it('writes nothing the second time', () => {
    const { apply } = applying()
    const first = apply('one', { size: 1, tags: ['x'] })
    const second = apply('one', { size: 1, tags: ['x'] })
    assert.equal(first.metadata.resourceVersion, second.metadata.resourceVersion)
  })

  it('accepts no unknown field', () => {
    const { apply } = applying()
    assert.throws(
      () => apply('one', { nonsense: 1 }),
      /failed to create typed patch object \(default\/w; example.com\/v1, Kind=Widget\): \.spec\.nonsense: field not declared in schema/,
    )
  })

  it('keeps status and spec apart', () => {
    const { store, apply } = applying()
    apply('one', { size: 1 })
    const patch = { kind: 'apply', body: { status: { ready: true }, spec: { size: 9 } } } as const
    store.patch(widgets, key, patch, { fieldManager: 'one', subresource: 'status' })
    const { spec, status, metadata } = store.get(widgets, key)
    assert.deepEqual([spec, status], [{ size: 1, color: 'blue' }, { ready: true }])
    assert.deepEqual(
      metadata.managedFields?.map(({ subresource, fieldsV1 }) => [subresource, fieldsV1]),
      [
        [undefined, { 'f:spec': { 'f:size': {} } }],
        ['status', { 'f:status': { 'f:ready': {} } }],
      ],
    )
  })

  it('asks for the name of the manager', () => {
    const { store } = applying()
    const patch = { kind: 'apply', body: {} } as const
    assert.throws(() => store.patch(widgets, key, patch), /fieldManager: Required value/)
  })
})

describe('managed fields', () => {
  it(`keep at most ${UPDATE_MANAGERS_MAX} managers by update`, () => {
    let entries: readonly ManagedFieldsEntry[] = []
    let before: Fields = {}
    for (let i = 0; i < UPDATE_MANAGERS_MAX * 2; i += 1) {
      const after = { ...before, [`field${i}`]: i }
      const time = new Date(i * 1_000).toISOString()
      const writer = { manager: `m${i}`, apiVersion: 'v1', time, keepsStatusApart: false }
      entries = trackUpdate(before, after, entries, writer, {})
      before = after
    }
    assert.equal(entries.length, UPDATE_MANAGERS_MAX)
    const all = entries.map(({ fieldsV1 }) => decodeFieldsV1(fieldsV1)).reduce(union)
    assert.equal(all.children.size, UPDATE_MANAGERS_MAX * 2, 'no field is forgotten')
  })
})

const schema: Schema = {
  type: 'object',
  properties: {
    scalar: { type: 'string' },
    struct: { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'integer' } } },
    map: { type: 'object', additionalProperties: { type: 'integer' } },
    atomic: { type: 'array', items: { type: 'integer' } },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'integer' } },
    list: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items: {
        type: 'object',
        properties: { k: { type: 'string' }, v: { type: 'integer' } },
      },
    },
  },
}

const small = fc.integer({ min: 0, max: 3 })
const letter = fc.constantFrom('x', 'y', 'z')
const value = fc.record(
  {
    scalar: letter,
    struct: fc.record({ a: small, b: small }, { requiredKeys: [], noNullPrototype: true }),
    map: fc.dictionary(letter, small, { noNullPrototype: true }),
    atomic: fc.array(small, { maxLength: 3 }),
    set: fc.uniqueArray(small, { maxLength: 3 }),
    list: fc.uniqueArray(
      fc.record({ k: letter, v: small }, { requiredKeys: ['k'], noNullPrototype: true }),
      {
        selector: ({ k }) => k,
        maxLength: 3,
      },
    ),
  },
  { requiredKeys: [], noNullPrototype: true },
)

const writer = (manager: string) => ({
  manager,
  apiVersion: 'v1',
  time: '2030-01-01T00:00:00Z',
  keepsStatusApart: false,
})

describe('apply, for any values', () => {
  it('spells a field set and reads it back', () => {
    fc.assert(
      fc.property(value, (one) => {
        const set = fieldSetOf(one, schema)
        assert.deepEqual(encodeFieldsV1(decodeFieldsV1(encodeFieldsV1(set))), encodeFieldsV1(set))
      }),
    )
  })

  it('knows that sets obey their laws', () => {
    fc.assert(
      fc.property(value, value, (one, other) => {
        const [a, b] = [fieldSetOf(one, schema), fieldSetOf(other, schema)]
        const text = (set: ReturnType<typeof fieldSetOf>) => JSON.stringify(encodeFieldsV1(set))
        assert.equal(text(union(difference(a, b), intersection(a, b))), text(a))
        assert.equal(text(union(a, b)), text(union(b, a)))
      }),
    )
  })

  it('merges without losing anything that was applied', () => {
    fc.assert(
      fc.property(value, value, (live, config) => {
        const merged = mergeValues(live, config, schema)
        assert.deepEqual(mergeValues(merged, config, schema), merged, 'a second time')
        const { modified, removed } = compareValues(config, merged, schema)
        assert.deepEqual([encodeFieldsV1(modified), encodeFieldsV1(removed)], [{}, {}])
      }),
    )
  })

  it('finds no change between a value and itself', () => {
    fc.assert(
      fc.property(value, (one) => {
        const { added, modified, removed } = compareValues(one, structuredClone(one), schema)
        assert.deepEqual([added, modified, removed].map(encodeFieldsV1), [{}, {}, {}])
      }),
    )
  })

  it('removes all that it takes away', () => {
    fc.assert(
      fc.property(value, (one) => {
        const rest = removeFields(one, fieldSetOf(one, schema), schema)
        assert.deepEqual(withoutEmpty(rest), {})
      }),
    )
  })

  it('follows one manager exactly, whatever it applied before', () => {
    fc.assert(
      fc.property(value, value, (first, second) => {
        const one = applyConfiguration({}, first, [], writer('m'), schema, false)
        const two = applyConfiguration(one.object, second, one.entries, writer('m'), schema, false)
        const only = applyConfiguration({}, second, [], writer('m'), schema, false)
        const clean = (fields: unknown) => JSON.stringify(withoutEmpty(fields))
        assert.equal(clean(sorted(two.object)), clean(sorted(only.object)))
      }),
    )
  })

  it('gives two managers what both want, when they want different fields', () => {
    fc.assert(
      fc.property(value, value, (first, second) => {
        const { struct: _, ...mine } = first
        const theirs = { struct: second.struct ?? { a: 1 } }
        const one = applyConfiguration({}, mine, [], writer('one'), schema, false)
        const both = applyConfiguration(
          one.object,
          theirs,
          one.entries,
          writer('two'),
          schema,
          false,
        )
        const { entries } = both
        const gone = applyConfiguration(both.object, {}, entries, writer('one'), schema, false)
        assert.deepEqual(withoutEmpty(gone.object), withoutEmpty(theirs))
      }),
    )
  })
})

/** Lists keep the order in which their items came; which one came first is not the point here. */
const sorted = (object: unknown): unknown => {
  const { list, set, ...rest } = object as { list?: { k: string }[]; set?: number[] } & Fields
  const ordered = Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    ...Object.fromEntries(ordered),
    list: list?.toSorted((a, b) => (a.k < b.k ? -1 : 1)),
    set: set?.toSorted(),
    map: Object.fromEntries(Object.entries((rest.map ?? {}) as Fields).sort()),
    struct: Object.fromEntries(Object.entries((rest.struct ?? {}) as Fields).sort()),
  }
}

/** An emptied container stays behind or not: nobody owns it. */
function withoutEmpty(fields: unknown): unknown {
  return Object.fromEntries(
    Object.entries(fields as Fields).filter(
      ([, child]) =>
        child !== undefined && (typeof child !== 'object' || Object.keys(child ?? {}).length > 0),
    ),
  )
}
