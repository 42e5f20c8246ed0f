/*
 * All shards of one pool, taken from its ShardMap objects, changed in memory, and turned back into
 * the writes that carry the changes out. Pure.
 *
 * A new record goes into the last object only, and a full last object is followed by the next
 * number. So two leaders that add at the same time meet at one resourceVersion, or at one name, and
 * the later one fails: no shard gets two records. An empty object before the last one is deleted;
 * the last one stays, since new numbers must go up.
 */
import assert from 'node:assert/strict'
import { SHARDS_PER_MAP_MAX, type ShardRecord, shardKey } from '@miniredis/crds'
import type { Stored } from '../kube/object.ts'
import type { ShardMap } from '../kube/resources.ts'

export interface ShardIdentity {
  readonly tenantUid: string
  readonly shard: number
}

export type ShardMapWrite =
  | { readonly kind: 'replace'; readonly object: Stored<ShardMap> }
  | { readonly kind: 'create'; readonly index: number; readonly shards: readonly ShardRecord[] }
  | { readonly kind: 'delete'; readonly object: Stored<ShardMap> }

interface Sheet {
  readonly index: number
  readonly object: Stored<ShardMap> | undefined
  readonly records: Map<string, ShardRecord>
  changed: boolean
}

export class ShardTable {
  readonly #sheets: Sheet[]

  /** @param objects the ShardMaps of one pool, in any order */
  constructor(objects: readonly Stored<ShardMap>[]) {
    this.#sheets = objects
      .map((object) => ({
        index: indexOf(object),
        object,
        records: new Map(
          object.spec.shards.map((record) => [shardKey(record), record as ShardRecord]),
        ),
        changed: false,
      }))
      .filter(({ index }) => index >= 0)
      .sort((a, b) => a.index - b.index)
  }

  get records(): readonly ShardRecord[] {
    return this.#sheets.flatMap(({ records }) => [...records.values()])
  }

  find(identity: ShardIdentity): ShardRecord | undefined {
    return this.#sheetOf(identity)?.records.get(shardKey(identity))
  }

  /** How many shards each member holds a copy of. */
  copiesByMember(): ReadonlyMap<string, number> {
    return countCopies(this.records)
  }

  /** Adds a record, or changes the one of that shard. Epochs and versions never go down. */
  put(record: ShardRecord): void {
    const sheet = this.#sheetOf(record) ?? this.#lastWithRoom()
    const before = sheet.records.get(shardKey(record))
    if (before !== undefined) {
      assert(record.epoch >= before.epoch, 'an epoch never goes down')
      assert(
        record.configuration.version >= before.configuration.version,
        'the version of a configuration never goes down',
      )
    }
    sheet.records.set(shardKey(record), record)
    sheet.changed = true
  }

  remove(identity: ShardIdentity): void {
    const sheet = this.#sheetOf(identity)
    if (sheet?.records.delete(shardKey(identity))) sheet.changed = true
  }

  /** In the order in which they must be carried out; the first that fails makes the rest invalid. */
  writes(): readonly ShardMapWrite[] {
    return this.#sheets.flatMap((sheet): readonly ShardMapWrite[] => {
      const { index, object } = sheet
      if (!sheet.changed) return []
      const shards = [...sheet.records.values()]
      if (object === undefined) return [{ kind: 'create', index, shards }]
      if (shards.length === 0 && sheet !== this.#sheets.at(-1)) return [{ kind: 'delete', object }]
      return [{ kind: 'replace', object: { ...object, spec: { ...object.spec, shards } } }]
    })
  }

  #sheetOf(identity: ShardIdentity): Sheet | undefined {
    return this.#sheets.find(({ records }) => records.has(shardKey(identity)))
  }

  #lastWithRoom(): Sheet {
    const last = this.#sheets.at(-1)
    if (last !== undefined && last.records.size < SHARDS_PER_MAP_MAX) return last
    const next = {
      index: (last?.index ?? -1) + 1,
      object: undefined,
      records: new Map<string, ShardRecord>(),
      changed: true,
    }
    this.#sheets.push(next)
    return next
  }
}

export function countCopies(records: readonly ShardRecord[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { configuration } of records)
    for (const { member } of configuration.copies) counts.set(member, (counts.get(member) ?? 0) + 1)
  return counts
}

/** `default-12` → 12; -1 when the name is none that we give. */
function indexOf({ metadata }: ShardMap): number {
  const digits = /-(\d+)$/.exec(metadata.name)?.[1]
  return digits === undefined ? -1 : Number.parseInt(digits, 10)
}
