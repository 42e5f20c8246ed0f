/** How values of each type look in RDB: one row per type that the engine has. */
import type { Bytes } from '../../engine/bytes.ts'
import { type Kind, kinds } from '../../engine/entries.ts'
import type { Key } from '../../engine/key.ts'
import type { Keyspace } from '../../engine/keyspace.ts'
import { bytesOf, integerOf, isInteger, setBytes } from '../../engine/strings.ts'
import type { RdbOutput } from './rdb-output.ts'
import type { RdbReader } from './rdb-reader.ts'

export interface ValueType {
  /** Type byte of the format. */
  readonly type: number
  readonly kind: Kind
  /** Reads a value into `value`, which is valid until the reader advances. */
  readonly read: (reader: RdbReader, value: Bytes) => void
  /** Makes it the value of `key`, whose present entry is `entry` or NONE. */
  readonly store: (db: Keyspace, key: Key, entry: number, value: Bytes, expiresAtMs: number) => void
  /** Writes the value of `entry`. */
  readonly write: (output: RdbOutput, db: Keyspace, entry: number) => void
}

const string: ValueType = {
  type: 0,
  kind: kinds.string,
  read: (reader, value) => {
    reader.string(value)
  },
  store: (db, key, entry, value, expiresAtMs) => {
    setBytes(db, key, entry, value.buffer, value.start, value.end, expiresAtMs)
  },
  write: (output, db, entry) => {
    if (isInteger(db, entry)) return output.integerString(integerOf(db, entry))
    const value = bytesOf(db, entry, output.scratch)
    output.string(value.buffer, value.start, value.end)
  },
}

/** By type byte. */
export const valueTypes: Readonly<Record<number, ValueType>> = { [string.type]: string }

/** By the kinds of the engine: how each is written. */
const writtenAs: Readonly<Record<number, ValueType>> = { [kinds.string]: string }

/** The row by which the value of `entry` is written. */
export const typeOf = (db: Keyspace, entry: number): ValueType => writtenAs[db.entries.kind(entry)]
