/*
 * The beginning of a segment file `<16 hex digits of its number>.seg`. Integers little-endian.
 *
 *   0       8         12      16       24      32               40       56       64
 *   ├───────┼─────────┼───────┼────────┼───────┼────────────────┼────────┼────────┤
 *   │ magic │ version │ crc32 │ number │ nonce │ nonce before   │ log id │ time   │ records …
 *   └───────┴─────────┴───────┴────────┴───────┴────────────────┴────────┴────────┘
 *
 * crc32 covers everything after itself. The log id is drawn once for a directory and tells foreign
 * segments; number and file name tell swapped and copied ones; the nonce of the segment before
 * tells one that was put back from another time. Pure.
 */
import { crc32 } from 'node:zlib'

export const SEGMENT_HEADER_BYTES = 64
export const LOG_ID_BYTES = 16
export const NONCE_BYTES = 8
const MAGIC = Buffer.from('MRLOG\r\n\x1a', 'latin1')
const VERSION = 1
const CHECKED_FROM = 16

export interface SegmentHeader {
  readonly number: number
  readonly nonce: Buffer
  readonly nonceBefore: Buffer
  readonly logId: Buffer
  readonly timeMs: number
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES)
  MAGIC.copy(bytes)
  bytes.writeUInt32LE(VERSION, 8)
  bytes.writeBigUInt64LE(BigInt(header.number), 16)
  header.nonce.copy(bytes, 24)
  header.nonceBefore.copy(bytes, 32)
  header.logId.copy(bytes, 40)
  bytes.writeBigUInt64LE(BigInt(header.timeMs), 56)
  bytes.writeUInt32LE(crc32(bytes.subarray(CHECKED_FROM)), 12)
  return bytes
}

/** The header, or in words why these bytes are none. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | string {
  if (bytes.length < SEGMENT_HEADER_BYTES) return `only ${bytes.length} bytes`
  if (bytes.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0) return 'not a log segment'
  const version = bytes.readUInt32LE(8)
  if (version !== VERSION) return `log version ${version}, this program reads ${VERSION}`
  const header = Buffer.from(bytes.subarray(0, SEGMENT_HEADER_BYTES))
  if (crc32(header.subarray(CHECKED_FROM)) !== header.readUInt32LE(12)) return 'header is damaged'
  return {
    number: Number(header.readBigUInt64LE(16)),
    nonce: header.subarray(24, 32),
    nonceBefore: header.subarray(32, 40),
    logId: header.subarray(40, 56),
    timeMs: Number(header.readBigUInt64LE(56)),
  }
}

/** With what the crc32 of every record of a segment begins. */
export const seedOf = (nonce: Buffer): number => crc32(nonce)

const NAME = /^([0-9a-f]{16})\.seg$/

export const segmentName = (number: number): string =>
  `${number.toString(16).padStart(16, '0')}.seg`

/** The number in a segment's file name; undefined: no segment's name. */
export function parseSegmentName(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1]
  return digits === undefined ? undefined : Number.parseInt(digits, 16)
}
