/**
 * The bytes of the assignment journal. Pure.
 *
 *   0       4        8       12         20
 *   ├───────┼────────┼───────┼──────────┼──────────────┐
 *   │ magic │ length │ crc32 │ sequence │ JSON payload │   little-endian; length of the payload
 *   └───────┴────────┴───────┴──────────┴──────────────┘
 *
 * One frame is one group commit: whole or not there. crc32 covers everything after itself.
 * Sequences have no gaps, so that a frame that vanished from the middle is noticed. A bad frame at
 * the end is a torn write that nobody was told of: it is cut. A bad frame that has a good one
 * behind it is damage: epochs may be lost, and the journal is not trusted at all.
 */
import { Buffer } from 'node:buffer'
import { crc32 } from 'node:zlib'
import { JOURNAL_FRAME_BYTES_MAX } from './limits.ts'

const MAGIC = Buffer.from('MRAJ')
const HEADER_BYTES = 20
const CHECKED_FROM = 12

export interface JournalFrame {
  readonly offset: number
  readonly sequence: number
  readonly payload: unknown
}

export interface DecodedJournal {
  readonly frames: readonly JournalFrame[]
  /** Bytes of whole frames from the start; what follows is a torn tail. */
  readonly validBytes: number
}

/** A journal that must not be trusted. */
export class DamagedJournal extends Error {
  readonly offset: number

  constructor(offset: number, reason: string) {
    super(reason)
    this.name = 'DamagedJournal'
    this.offset = offset
  }
}

export function encodeJournalFrame(sequence: number, payload: unknown): Buffer {
  const text = JSON.stringify(payload)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(text))
  MAGIC.copy(frame)
  frame.writeUInt32LE(frame.length - HEADER_BYTES, 4)
  frame.writeBigUInt64LE(BigInt(sequence), 12)
  frame.write(text, HEADER_BYTES)
  frame.writeUInt32LE(crc32(frame.subarray(CHECKED_FROM)), 8)
  return frame
}

/** Reads frames until the end or the torn tail. Throws DamagedJournal. */
export function decodeJournal(bytes: Buffer): DecodedJournal {
  const frames: JournalFrame[] = []
  let at = 0
  while (at < bytes.length) {
    const frame = decodeAt(bytes, at)
    if (frame === undefined) break
    const previous = frames.at(-1)
    if (previous !== undefined && frame.sequence !== previous.sequence + 1) {
      throw new DamagedJournal(at, `frame ${frame.sequence} follows frame ${previous.sequence}`)
    }
    frames.push(frame)
    at += frame.bytes
  }
  refuseUnlessTorn(bytes, at)
  return { frames, validBytes: at }
}

function refuseUnlessTorn(bytes: Buffer, at: number): void {
  // The first frame is written to another file and renamed: it is never torn.
  if (at === 0) throw new DamagedJournal(0, 'the first frame is not readable')
  let next = bytes.indexOf(MAGIC, at + 1)
  for (; next !== -1; next = bytes.indexOf(MAGIC, next + 1)) {
    if (decodeAt(bytes, next) === undefined) continue
    throw new DamagedJournal(at, `an unreadable frame, with a readable one behind it at ${next}`)
  }
}

function decodeAt(bytes: Buffer, at: number): (JournalFrame & { bytes: number }) | undefined {
  if (at + HEADER_BYTES > bytes.length || bytes.compare(MAGIC, 0, 4, at, at + 4) !== 0) return
  const end = at + HEADER_BYTES + bytes.readUInt32LE(at + 4)
  if (end > bytes.length || end - at > JOURNAL_FRAME_BYTES_MAX) return
  if (crc32(bytes.subarray(at + CHECKED_FROM, end)) !== bytes.readUInt32LE(at + 8)) return
  return {
    offset: at,
    sequence: Number(bytes.readBigUInt64LE(at + 12)),
    payload: JSON.parse(bytes.toString('utf8', at + HEADER_BYTES, end)),
    bytes: end - at,
  }
}
