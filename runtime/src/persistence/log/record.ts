/*
 * A log record. All integers little-endian.
 *
 *   0        4       8            24      28      36       44     52     54         56
 *   ├────────┼───────┼────────────┼───────┼───────┼────────┼──────┼──────┼──────────┼─────────┐
 *   │ length │ crc32 │ tenant uid │ shard │ epoch │ offset │ time │ kind │ database │ payload │
 *   └────────┴───────┴────────────┴───────┴───────┴────────┴──────┴──────┴──────────┴─────────┘
 *
 * length is the payload's. crc32 covers everything after itself and is seeded with the segment's
 * nonce, so that bytes of another segment never pass for records of this one. offset counts the
 * payload bytes of the shard up to and including this record; time is Unix time in milliseconds.
 *
 * Two kinds belong to the writer, with uid and shard zero:
 *   mark  opens a batch: everything before `offset` in this segment was synced when it was written.
 *   seal  ends a segment: 36 bytes per shard in it (uid, shard, epoch, offset of its last record).
 *
 * Pure.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { copyBytes } from '../../engine/bytes.ts'
import { PAYLOAD_BYTES_MAX } from './limits.ts'

export const RECORD_HEADER_BYTES = 56
export const UID_BYTES = 16
/** uid and shard: what names a shard in a record. */
export const SHARD_ID_BYTES = 20
const CRC_AT = 4
const CHECKED_FROM = 8
const SHARD_AT = 24
const EPOCH_AT = 28
const OFFSET_AT = 36
const TIME_AT = 44
const KIND_AT = 52
const DATABASE_AT = 54
const HIGH_WORD = 0x1_0000_0000

export const kinds = { effects: 1, start: 2, forget: 3, mark: 4, seal: 5 } as const
const KIND_MAX = 5
const SAFE_HIGH_WORD = 0x1f_ffff

const noUid = new Uint8Array(UID_BYTES)

export interface RecordFields {
  readonly uid: Uint8Array
  readonly shard: number
  readonly epoch: number
  readonly offset: number
  readonly timeMs: number
  readonly kind: number
  readonly database: number
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** The 16 bytes of a tenant's uid: a UUID's own, of any other text the first 16 of its SHA-256. */
export function uidBytes(tenantUid: string): Buffer {
  if (UUID.test(tenantUid)) return Buffer.from(tenantUid.replaceAll('-', ''), 'hex')
  return createHash('sha256').update(tenantUid).digest().subarray(0, UID_BYTES)
}

/** The text that names a shard wherever bytes would be clumsy: `<32 hex digits>-<shard>`. */
export const shardKey = (tenantUid: string, shard: number): string =>
  `${uidBytes(tenantUid).toString('hex')}-${shard}`

export interface ShardId {
  readonly uid: Buffer
  readonly shard: number
}

/** Throws on what shardKey() did not make. */
export function parseShardKey(key: string): ShardId {
  const [, uid, shard] = /^([0-9a-f]{32})-(\d{1,10})$/.exec(key) ?? []
  if (uid === undefined || shard === undefined) throw new Error(`${key} does not name a shard`)
  return { uid: Buffer.from(uid, 'hex'), shard: Number(shard) }
}

export const keyAt = (bytes: Buffer, uidAt: number): string =>
  `${bytes.toString('hex', uidAt, uidAt + UID_BYTES)}-${bytes.readUInt32LE(uidAt + UID_BYTES)}`

/** Writes a header at `at`, crc32 excepted. The payload of `length` bytes follows it. */
export function writeHeader(target: Buffer, at: number, fields: RecordFields, length: number) {
  target.writeUInt32LE(length, at)
  copyBytes(target as Buffer, at + CHECKED_FROM, fields.uid as Buffer, 0, UID_BYTES)
  target.writeUInt32LE(fields.shard, at + SHARD_AT)
  writeUInt64(target, at + EPOCH_AT, fields.epoch)
  writeUInt64(target, at + OFFSET_AT, fields.offset)
  writeUInt64(target, at + TIME_AT, fields.timeMs)
  target.writeUInt16LE(fields.kind, at + KIND_AT)
  target.writeUInt16LE(fields.database, at + DATABASE_AT)
}

/** Sets the crc32 of the record at `at` and returns where the next one begins. */
export function stampRecord(target: Buffer, at: number, seed: number): number {
  const end = recordEnd(target, at)
  target.writeUInt32LE(crc32(target.subarray(at + CHECKED_FROM, end), seed), at + CRC_AT)
  return end
}

/** A whole record with its crc32, for the few that are not made in place. */
export function encodeRecord(fields: RecordFields, payload: Uint8Array, seed: number): Buffer {
  const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + payload.length)
  writeHeader(record, 0, fields, payload.length)
  record.set(payload, RECORD_HEADER_BYTES)
  stampRecord(record, 0, seed)
  return record
}

export const encodeMark = (syncedBytes: number, timeMs: number, seed: number): Buffer =>
  encodeRecord({ ...ofWriter(kinds.mark, timeMs), offset: syncedBytes }, noUid.subarray(0, 0), seed)

export interface SealEntry {
  readonly key: string
  readonly epoch: number
  readonly offset: number
}

const SEAL_ENTRY_BYTES = 36

export function encodeSeal(entries: readonly SealEntry[], timeMs: number, seed: number): Buffer {
  const payload = Buffer.allocUnsafe(entries.length * SEAL_ENTRY_BYTES)
  entries.forEach(({ key, epoch, offset }, index) => {
    const at = index * SEAL_ENTRY_BYTES
    const { uid, shard } = parseShardKey(key)
    payload.set(uid, at)
    payload.writeUInt32LE(shard, at + UID_BYTES)
    writeUInt64(payload, at + SHARD_ID_BYTES, epoch)
    writeUInt64(payload, at + SHARD_ID_BYTES + 8, offset)
  })
  return encodeRecord(ofWriter(kinds.seal, timeMs), payload, seed)
}

export function decodeSeal(bytes: Buffer, start: number, end: number): SealEntry[] {
  const entries: SealEntry[] = []
  for (let at = start; at + SEAL_ENTRY_BYTES <= end; at += SEAL_ENTRY_BYTES) {
    const epoch = readUInt64(bytes, at + SHARD_ID_BYTES)
    entries.push({
      key: keyAt(bytes, at),
      epoch,
      offset: readUInt64(bytes, at + SHARD_ID_BYTES + 8),
    })
  }
  return entries
}

const ofWriter = (kind: number, timeMs: number): RecordFields => ({
  uid: noUid,
  shard: 0,
  epoch: 0,
  offset: 0,
  timeMs,
  kind,
  database: 0,
})

/** Whether 56 bytes at `at` could be a header; only the crc32 proves it. */
export function isPlausibleHeader(bytes: Buffer, at: number): boolean {
  const kind = bytes.readUInt16LE(at + KIND_AT)
  return (
    kind >= 1 &&
    kind <= KIND_MAX &&
    bytes.readUInt32LE(at) <= PAYLOAD_BYTES_MAX &&
    bytes.readUInt32LE(at + EPOCH_AT + 4) <= SAFE_HIGH_WORD &&
    bytes.readUInt32LE(at + OFFSET_AT + 4) <= SAFE_HIGH_WORD &&
    bytes.readUInt32LE(at + TIME_AT + 4) <= SAFE_HIGH_WORD
  )
}

/** Whether the record at `at`, which is whole in `bytes`, is what was once written. */
export const isIntact = (bytes: Buffer, at: number, seed: number): boolean =>
  crc32(bytes.subarray(at + CHECKED_FROM, recordEnd(bytes, at)), seed) ===
  bytes.readUInt32LE(at + CRC_AT)

export const payloadBytes = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at)
export const recordEnd = (bytes: Buffer, at: number): number =>
  at + RECORD_HEADER_BYTES + bytes.readUInt32LE(at)
export const uidAt = (at: number): number => at + CHECKED_FROM
export const shardAt = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + SHARD_AT)
export const epochAt = (bytes: Buffer, at: number): number => readUInt64(bytes, at + EPOCH_AT)
export const offsetAt = (bytes: Buffer, at: number): number => readUInt64(bytes, at + OFFSET_AT)
export const timeAt = (bytes: Buffer, at: number): number => readUInt64(bytes, at + TIME_AT)
export const kindAt = (bytes: Buffer, at: number): number => bytes.readUInt16LE(at + KIND_AT)
export const databaseAt = (bytes: Buffer, at: number): number =>
  bytes.readUInt16LE(at + DATABASE_AT)

/** Integers up to 2^53 without the cost of a BigInt. */
function writeUInt64(target: Buffer, at: number, value: number): void {
  target.writeUInt32LE(value % HIGH_WORD, at)
  target.writeUInt32LE(Math.floor(value / HIGH_WORD), at + 4)
}

const readUInt64 = (bytes: Buffer, at: number): number =>
  bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * HIGH_WORD
