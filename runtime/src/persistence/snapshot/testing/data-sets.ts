/** Databases as plain maps, for comparing them with what was written. */
import { type Keyspace, NO_EXPIRY, NONE } from '../../../engine/keyspace.ts'
import { RANK_END } from '../../../engine/segment.ts'
import { bytesOf, setBytes } from '../../../engine/strings.ts'
import { stringsOf } from '../../../engine/testing/keyspaces.ts'

/** By key: `value` or `value @ expiry`, one character per byte. */
export type DataSet = ReadonlyMap<string, string>

const show = (value: string, expiresAtMs: number): string =>
  expiresAtMs === NO_EXPIRY ? value : `${value} @ ${expiresAtMs}`

export function dataIn(db: Keyspace): DataSet {
  const found: number[] = []
  const rank = db.scan(0, Number.POSITIVE_INFINITY, found)
  if (rank < RANK_END) throw new Error('a scan of everything ended early')
  return new Map(
    found.map((entry) => {
      const start = db.entries.keyStart(entry)
      const end = start + db.entries.keyBytes(entry)
      const key = db.entries.bytesOf(entry).toString('latin1', start, end)
      const value = bytesOf(db, entry, db.host.value)
      const text = value.buffer.toString('latin1', value.start, value.end)
      return [key, show(text, db.entries.expiresAtMs(entry))]
    }),
  )
}

export function setIn(db: Keyspace, key: string, value: string, expiresAtMs = NO_EXPIRY): void {
  const strings = stringsOf(key, value)
  const taken = db.key(strings, 0)
  const entry = db.lookupWrite(taken, 0)
  setBytes(db, taken, entry, strings.buffer, strings.start(1), strings.end(1), expiresAtMs)
}

export function hasIn(db: Keyspace, key: string): boolean {
  return db.lookupWrite(db.key(stringsOf(key), 0), 0) !== NONE
}
