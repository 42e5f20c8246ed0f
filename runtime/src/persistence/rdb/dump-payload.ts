/**
 * A single value as DUMP hands it out: type and value as in a file, then version and checksum.
 *
 *   ├ type (1) ┼ value … ┼ version (2, little-endian) ┼ crc64 of all before (8) ┤
 */
import type { Bytes } from '../../engine/bytes.ts'
import type { Keyspace } from '../../engine/keyspace.ts'
import { CRC64_BYTES, Crc64 } from './crc64.ts'
import { RDB_VERSION_MAX, RDB_VERSION_WRITTEN } from './format.ts'
import { RdbError } from './rdb-error.ts'
import { RdbOutput } from './rdb-output.ts'
import { INCOMPLETE, RdbReader } from './rdb-reader.ts'
import { typeOf, type ValueType, valueTypes } from './value-types.ts'

const VERSION_BYTES = 2
const FOOTER_BYTES = VERSION_BYTES + CRC64_BYTES
const PIECE_BYTES = 512

export function encodeDump(db: Keyspace, entry: number): Buffer {
  const output = new RdbOutput(PIECE_BYTES)
  const type = typeOf(db, entry)
  output.byte(type.type)
  type.write(output, db, entry)
  output.uint16(RDB_VERSION_WRITTEN)
  const payload = output.takeAll()
  return Buffer.concat([payload, output.checksum()])
}

/** Whether version and checksum at the end of `payload` are such that the rest may be read. */
export function isIntactDump(payload: Buffer): boolean {
  if (payload.length < FOOTER_BYTES) return false
  const end = payload.length - CRC64_BYTES
  if (payload.readUInt16LE(end - VERSION_BYTES) > RDB_VERSION_MAX) return false
  return new Crc64().update(payload, 0, end).equals(payload, end)
}

/** Reads the value of an intact payload into `value`; undefined when it makes no sense. */
export function decodeDump(payload: Buffer, value: Bytes): ValueType | undefined {
  const reader = new RdbReader()
  reader.push(payload.subarray(0, payload.length - FOOTER_BYTES))
  if (!reader.advance()) return undefined
  try {
    const type = valueTypes[reader.byte()]
    type?.read(reader, value)
    return type
  } catch (error) {
    if (error === INCOMPLETE || error instanceof RdbError) return undefined
    throw error
  }
}
