/** RDB files put together by hand, and what a decoder says about them. */
import { Crc64 } from '../crc64.ts'
import { RdbDecoder } from '../rdb-decoder.ts'

/** Bytes by number, text by character. */
export type Part = number | string

export function bytesOf(...parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part, 'latin1'))),
  )
}

/** The bytes followed by their checksum. */
export function summedUp(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(8)
  new Crc64().update(bytes).write(sum, 0)
  return Buffer.concat([bytes, sum])
}

/** A whole file with these parts between header and end. */
export const file = (...parts: readonly Part[]): Buffer =>
  summedUp(bytesOf('REDIS0010', ...parts, 0xff))

/** What the chunks say, a line per record, up to the end. Throws what the decoder throws. */
export function decodeAll(chunks: readonly Buffer[]): string[] {
  const decoder = new RdbDecoder()
  const lines: string[] = []
  const waiting = [...chunks]
  for (;;) {
    const record = decoder.next()
    if (record === 'end') {
      for (const chunk of waiting) decoder.push(chunk)
      return lines
    }
    if (record !== 'starved') lines.push(lineOf(decoder, record))
    else {
      const chunk = waiting.shift()
      if (chunk === undefined) decoder.finish()
      else decoder.push(chunk)
    }
  }
}

function lineOf(decoder: RdbDecoder, record: string): string {
  const text = ({ buffer, start, end }: { buffer: Buffer; start: number; end: number }) =>
    buffer.toString('latin1', start, end)
  switch (record) {
    case 'header':
      return `version ${decoder.version}`
    case 'aux':
      return `aux ${decoder.auxName}=${decoder.auxValue}`
    case 'select':
      return `select ${decoder.databaseIndex}`
    case 'resize':
      return `resize ${decoder.keyCount} ${decoder.expiringCount}`
    case 'entry':
      return `${text(decoder.key)}=${text(decoder.value)} @${decoder.expiresAtMs}`
    default:
      return record
  }
}
