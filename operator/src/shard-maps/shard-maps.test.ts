import assert from 'node:assert/strict'
import { SHARDS_PER_MAP_MAX, type ShardRecord } from '@miniredis/crds'
import fc from 'fast-check'
import type { PoolOwner } from '../builders/owned-metadata.ts'
import { buildShardMap } from '../builders/shard-map.ts'
import { KubeError } from '../kube/errors.ts'
import type { Stored } from '../kube/object.ts'
import type { ShardMap } from '../kube/resources.ts'
import { followSoleCopy, raiseEpoch } from './shard-changes.ts'
import { ShardMapStore } from './shard-map-store.ts'
import { ShardTable } from './shard-table.ts'

const pool = {
  apiVersion: 'miniredis.io/v1alpha1',
  kind: 'RuntimePool',
  metadata: { name: 'default', namespace: 'miniredis', uid: 'pool', resourceVersion: '1' },
  spec: {},
} as unknown as PoolOwner

const record = (tenantUid: string, more: Partial<ShardRecord> = {}): ShardRecord => ({
  tenantUid,
  tenantNamespace: 'team-a',
  tenantName: tenantUid,
  shard: 0,
  firstSlot: 0,
  lastSlot: 16_383,
  epoch: 1,
  phase: 'Serving',
  primary: { member: 'default-0-1' },
  configuration: { version: 1, copies: [{ member: 'default-0-1' }] },
  ...more,
})

/** Objects and what became of them, with versions, as an API server keeps them. */
class Objects {
  readonly #objects = new Map<string, Stored<ShardMap>>()
  #version = 0
  readonly calls: string[] = []
  /** Runs before the next write, once: somebody else's doing. */
  meanwhile: (() => Promise<unknown>) | undefined

  async list() {
    this.calls.push('list')
    return { items: [...this.#objects.values()], resourceVersion: String(this.#version) }
  }

  async create(_: unknown, object: ShardMap) {
    await this.#before('create')
    if (this.#objects.has(object.metadata.name)) throw new KubeError('AlreadyExists', 'there')
    return this.#store(object)
  }

  async replace(_: unknown, object: Stored<ShardMap>) {
    await this.#before('replace')
    this.#check(object.metadata.name, object.metadata.resourceVersion)
    return this.#store(object)
  }

  async delete(_: unknown, { name }: { name: string }, options: { resourceVersion?: string } = {}) {
    await this.#before('delete')
    this.#check(name, options.resourceVersion)
    this.#objects.delete(name)
  }

  async #before(call: string) {
    this.calls.push(call)
    const run = this.meanwhile
    this.meanwhile = undefined
    await run?.()
  }

  #check(name: string, version: string | undefined) {
    if (this.#objects.get(name)?.metadata.resourceVersion !== version)
      throw new KubeError('Conflict', 'modified')
  }

  #store(object: ShardMap) {
    const metadata = { uid: 'u', ...object.metadata, resourceVersion: String(++this.#version) }
    const stored = { ...object, metadata } as Stored<ShardMap>
    this.#objects.set(metadata.name, stored)
    return stored
  }

  get sizes() {
    return [...this.#objects.values()].map(({ spec }) => spec.shards.length)
  }

  get records() {
    return [...this.#objects.values()].flatMap(({ spec }) => spec.shards)
  }
}

const storeOf = (objects: Objects) => new ShardMapStore(objects as never, 'miniredis')
const put = (store: ShardMapStore, uid: string) =>
  store.mutate(pool, (table) => {
    if (table.find({ tenantUid: uid, shard: 0 }) === undefined) table.put(record(uid))
  })

describe('shard table', () => {
  const stored = (index: number, shards: readonly ShardRecord[]): Stored<ShardMap> => {
    const map = buildShardMap({ pool, index, shards })
    return { ...map, metadata: { ...map.metadata, uid: 'u', resourceVersion: '1' } }
  }
  const full = Array.from({ length: SHARDS_PER_MAP_MAX }, (_, index) => record(`t${index}`))
  const kinds = (table: ShardTable) => table.writes().map(({ kind }) => kind)

  it('fills the last object to its limit, then begins the next', () => {
    const table = new ShardTable([stored(0, full.slice(1))])
    table.put(record('a'))
    assert.deepEqual(kinds(table), ['replace'])
    table.put(record('b'))
    assert.deepEqual(kinds(table), ['replace', 'create'])
  })

  it('fills no gap before the last object, so that adding leaders always meet', () => {
    const table = new ShardTable([stored(1, full), stored(0, [record('x')])])
    table.put(record('a'))
    assert.deepEqual(kinds(table), ['create'])
  })

  it('deletes an empty object, but never the last', () => {
    const table = new ShardTable([stored(0, [record('a')]), stored(1, [record('b')])])
    for (const tenantUid of ['a', 'b']) table.remove({ tenantUid, shard: 0 })
    assert.deepEqual(kinds(table), ['delete', 'replace'])
  })

  it('lets no epoch and no version go down', () => {
    const table = new ShardTable([stored(0, [record('a', { epoch: 3 })])])
    assert.throws(() => table.put(record('a', { epoch: 2 })), /epoch never goes down/)
    const configuration = { version: 1, copies: [{ member: 'm' }] }
    table.put(record('a', { epoch: 3, configuration: { ...configuration, version: 2 } }))
    assert.throws(() => table.put(record('a', { epoch: 3, configuration })), /version/)
  })

  it('writes nothing when nothing changed', () => {
    assert.deepEqual(kinds(new ShardTable([stored(0, full)])), [])
  })
})

describe('shard map store', () => {
  it('carries two hundred changes in three calls', async () => {
    const objects = new Objects()
    const store = storeOf(objects)
    await Promise.all(Array.from({ length: 200 }, (_, index) => put(store, `t${index}`)))
    assert.deepEqual(objects.sizes, [128, 72])
    assert.ok(objects.calls.length <= 6, objects.calls.join())
  })

  it('looks again after a conflict, and loses neither change', async () => {
    const objects = new Objects()
    await put(storeOf(objects), 'first')
    const other = storeOf(objects)
    objects.meanwhile = () => put(other, 'theirs')
    await put(storeOf(objects), 'ours')
    assert.deepEqual(objects.records.map(({ tenantUid }) => tenantUid).sort(), [
      'first',
      'ours',
      'theirs',
    ])
  })

  it('gives a shard one record although two leaders add it at the same time', async () => {
    const objects = new Objects()
    const other = storeOf(objects)
    objects.meanwhile = () => put(other, 'same')
    await put(storeOf(objects), 'same')
    assert.equal(objects.records.length, 1)
  })

  it('tells only the one whose change throws', async () => {
    const objects = new Objects()
    const store = storeOf(objects)
    const bad = store.mutate(pool, () => {
      throw new Error('mine')
    })
    const good = put(store, 'good')
    await assert.rejects(bad, /mine/)
    await good
    assert.equal(objects.records.length, 1)
  })

  it('tells everybody of a round that the API refused, and works on', async () => {
    const objects = new Objects()
    const store = storeOf(objects)
    objects.meanwhile = async () => {
      throw new KubeError('Unavailable', 'down')
    }
    await assert.rejects(put(store, 'a'), /down/)
    await put(store, 'a')
    assert.equal(objects.records.length, 1)
  })

  it('gives up after a few conflicts in a row', async () => {
    const objects = new Objects()
    await put(storeOf(objects), 'a')
    const interfere = async () => {
      const other = storeOf(objects)
      objects.meanwhile = undefined
      await other.mutate(pool, (table) =>
        table.put(record('a', { epoch: (table.records[0]?.epoch ?? 0) + 1 })),
      )
      objects.meanwhile = interfere
    }
    objects.meanwhile = interfere
    await assert.rejects(put(storeOf(objects), 'b'), /modified/)
  })
})

describe('a sole copy', () => {
  const sighting = (podUid: string, bootNonce: string, volumeNonce: string) => ({
    member: 'default-0-1',
    incarnation: { podUid, bootNonce },
    volumeNonce,
  })

  it('is followed through restarts in one epoch, and through volumes in new ones', () => {
    const text = fc.constantFrom('a', 'b', 'c')
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text, text)), (steps) => {
        let present = record('t')
        for (const [pod, boot, volume] of steps) {
          const before = present
          present = followSoleCopy(before, sighting(pod, boot, volume))
          const [was] = before.configuration.copies
          const isNew = was?.volumeNonce !== undefined && was.volumeNonce !== volume
          assert.equal(present.epoch, before.epoch + (isNew ? 1 : 0))
          assert.equal(present.configuration.version, present.epoch)
          assert.equal(followSoleCopy(present, sighting(pod, boot, volume)), present)
        }
      }),
    )
  })

  it('follows no other member', () => {
    const present = record('t')
    assert.equal(followSoleCopy(present, { ...sighting('p', 'b', 'v'), member: 'x' }), present)
  })

  it('never goes down in its epoch', () => {
    const present = record('t', { epoch: 5 })
    assert.equal(raiseEpoch(present, 4), present)
    assert.equal(raiseEpoch(present, 6).epoch, 6)
  })
})
