import assert from 'node:assert/strict'
import { parse } from 'yaml'
import { z } from 'zod'
import { customResources, reasons } from '../src/index.ts'
import { buildCrd } from './crd.ts'
import { CRD_BYTES_MAX, renderContract } from './generated-files.ts'
import { buildStructuralSchema, type StructuralSchema } from './structural-schema.ts'

/** Every schema node with its path. */
function* nodes(schema: StructuralSchema, path: string): Generator<[string, StructuralSchema]> {
  yield [path, schema]
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    yield* nodes(child, `${path}.${name}`)
  }
  if (schema.items !== undefined) yield* nodes(schema.items, `${path}[]`)
}

describe('generated definitions', () => {
  for (const resource of customResources) {
    const schema = buildStructuralSchema(resource.schema)

    it(`${resource.kind}: every string and list has a bound`, () => {
      const unbounded = [...nodes(schema, resource.kind)].filter(
        ([, { type, maxLength, maxItems, enum: choices, format }]) =>
          (type === 'string' && !maxLength && !choices && !format) ||
          (type === 'array' && maxItems === undefined),
      )
      assert.deepEqual(
        unbounded.map(([path]) => path),
        [],
      )
    })

    it(`${resource.kind}: every node has a type and no union`, () => {
      const odd = [...nodes(schema, resource.kind)].filter(
        ([, node]) => node.type === undefined || 'anyOf' in node || '$ref' in node,
      )
      assert.deepEqual(
        odd.map(([path]) => path),
        [],
      )
    })

    it(`${resource.kind}: every field of the spec is explained`, () => {
      const spec = schema.properties?.spec ?? {}
      const silent = Object.entries(spec.properties ?? {}).filter(
        ([, { description, 'x-kubernetes-validations': rules }]) => !description && !rules,
      )
      if (resource.kind !== 'ShardMap')
        assert.deepEqual(
          silent.map(([name]) => name),
          [],
        )
    })
  }

  it('stay below the size that kubectl apply can carry', () => {
    for (const [path, text] of Object.entries(renderContract())) {
      assert.ok(text.length < CRD_BYTES_MAX, path)
    }
  })

  it('refuse a schema that is not structural', () => {
    const union = z.object({ a: z.union([z.string(), z.int()]) })
    assert.throws(() => buildStructuralSchema(union), /a: anyOf is not structural/)
  })

  it('say the same to readers of YAML 1.1 and 1.2', () => {
    for (const [path, text] of Object.entries(renderContract()))
      if (path.endsWith('.yaml'))
        assert.deepEqual(parse(text, { version: '1.1' }), parse(text), path)
  })

  it('name kinds, short names and the category', () => {
    const crd = buildCrd(customResources[1] ?? assert.fail())
    assert.equal(crd.metadata.name, 'tenantnodes.miniredis.io')
    assert.deepEqual(crd.spec.names.shortNames, ['tn'])
    assert.deepEqual(crd.spec.names.categories, ['miniredis'])
  })

  it('reasons are CamelCase and explained', () => {
    for (const [reason, meaning] of Object.entries(reasons)) {
      assert.match(reason, /^[A-Z][A-Za-z]+$/)
      assert.match(meaning, /\.$/)
    }
  })
})
