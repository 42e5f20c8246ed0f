/** The segment files of a log's directory, before any record of them is read. */
import { join } from 'node:path'
import type { Disk } from '../disk.ts'
import { SEGMENTS_MAX } from './limits.ts'
import {
  decodeSegmentHeader,
  parseSegmentName,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './segment-header.ts'

export interface SegmentFile {
  readonly path: string
  /** As its name says. */
  readonly number: number
  readonly bytes: number
  /** A text says why there is no header. */
  readonly header: SegmentHeader | string
}

/** All segments by their number. Other files in the directory are not looked at. */
export function listSegments(disk: Disk, directory: string): SegmentFile[] {
  const names = disk.list(directory).filter((name) => parseSegmentName(name) !== undefined)
  if (names.length > SEGMENTS_MAX) {
    throw new Error(`${directory} has ${names.length} segments, at most ${SEGMENTS_MAX} are read`)
  }
  return names.map((name) => describeSegment(disk, join(directory, name), name))
}

function describeSegment(disk: Disk, path: string, name: string): SegmentFile {
  const number = parseSegmentName(name) ?? 0
  const file = disk.open(path, 'read')
  try {
    const bytes = file.size()
    const start = Buffer.alloc(SEGMENT_HEADER_BYTES)
    const header = decodeSegmentHeader(start.subarray(0, file.read(start, 0)))
    return { path, number, bytes, header }
  } finally {
    file.close()
  }
}

/** The id that most segments carry: a foreign one among them is the exception. */
export function commonLogId(segments: readonly SegmentFile[]): Buffer | undefined {
  const counts = new Map<string, number>()
  for (const { header } of segments) {
    if (typeof header === 'string') continue
    const id = header.logId.toString('hex')
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  const [most] = [...counts].sort(([, left], [, right]) => right - left)
  return most && Buffer.from(most[0], 'hex')
}

export interface Misfit {
  readonly reason: string
  /** The file is a segment of this log, but what is before it is not what it was written after. */
  readonly isOtherHistory: boolean
}

/** Why a file is not the segment that its place in the log asks for; undefined: it is. */
export function findMisfit(
  { header, number }: SegmentFile,
  before: SegmentFile | undefined,
  logId: Buffer | undefined,
): Misfit | undefined {
  const misfit = (reason: string, isOtherHistory = false) => ({ reason, isOtherHistory })
  if (typeof header === 'string') return misfit(header)
  if (logId !== undefined && !header.logId.equals(logId)) return misfit('a segment of another log')
  if (header.number !== number) {
    return misfit(`segment ${header.number} under the name of segment ${number}`)
  }
  if (before === undefined || typeof before.header === 'string') return
  if (before.number !== number - 1 || before.header.number !== before.number) return
  if (header.nonceBefore.equals(before.header.nonce)) return
  return misfit('the segment before it is not the one that it followed', true)
}
