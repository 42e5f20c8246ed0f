/** The records of an RDB file on their way out. */
import { type Keyspace, NO_EXPIRY } from '../../engine/keyspace.ts'
import { opcodes, RDB_MAGIC, RDB_VERSION_WRITTEN } from './format.ts'
import type { RdbOutput } from './rdb-output.ts'
import { typeOf } from './value-types.ts'

export function writeHeader(output: RdbOutput): void {
  output.raw(RDB_MAGIC + String(RDB_VERSION_WRITTEN).padStart(4, '0'))
}

/** Name and value have one byte per character. */
export function writeAux(output: RdbOutput, name: string, value: string): void {
  output.byte(opcodes.aux)
  output.text(name)
  output.text(value)
}

/** What follows belongs to this database. May be said again and again. */
export function writeSelect(output: RdbOutput, index: number): void {
  output.byte(opcodes.selectDb)
  output.length(index)
}

/** How much the reader should make room for. */
export function writeResize(output: RdbOutput, keys: number, expiring: number): void {
  output.byte(opcodes.resizeDb)
  output.length(keys)
  output.length(expiring)
}

/** Key, expiry time and value of `entry`. */
export function writeEntry(output: RdbOutput, db: Keyspace, entry: number): void {
  const { entries } = db
  const expiresAtMs = entries.expiresAtMs(entry)
  if (expiresAtMs !== NO_EXPIRY) {
    output.byte(opcodes.expireTimeMs)
    output.time(expiresAtMs)
  }
  const type = typeOf(db, entry)
  output.byte(type.type)
  const start = entries.keyStart(entry)
  output.string(entries.bytesOf(entry), start, start + entries.keyBytes(entry))
  type.write(output, db, entry)
}

/** After this only the checksum. */
export function writeEnd(output: RdbOutput): void {
  output.byte(opcodes.eof)
}
