import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Crc64 } from './crc64.ts'

/** Bit by bit, with 64-bit integers. */
function slowCrc64(bytes: Uint8Array): bigint {
  let sum = 0n
  for (const byte of bytes) {
    sum ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) {
      sum = (sum & 1n) === 1n ? (sum >> 1n) ^ 0x95ac9329ac4bc9b5n : sum >> 1n
    }
  }
  return sum
}

function sumOf(crc: Crc64): bigint {
  const bytes = Buffer.alloc(8)
  crc.write(bytes, 0)
  return bytes.readBigUInt64LE()
}

describe('CRC-64', () => {
  it("gives the sum in Redis' own test", () => {
    assert.equal(sumOf(new Crc64().update(Buffer.from('123456789'))), 0xe9c6d914c4b8d9can)
    assert.equal(sumOf(new Crc64()), 0n)
  })

  it('gives the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (parts) => {
        const crc = new Crc64()
        for (const part of parts) crc.update(part)
        assert.equal(sumOf(crc), slowCrc64(Buffer.concat(parts)))
      }),
    )
  })
})
