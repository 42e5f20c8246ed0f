import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import {
  decodeSeal,
  encodeMark,
  encodeRecord,
  encodeSeal,
  isIntact,
  isPlausibleHeader,
  kinds,
  offsetAt,
  parseShardKey,
  RECORD_HEADER_BYTES,
  recordEnd,
  shardKey,
  uidBytes,
} from './record.ts'
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  parseSegmentName,
  seedOf,
  segmentName,
} from './segment-header.ts'

const UID = '3f0c1b52-0c8e-4f5e-9a55-0d6f2f1c9a01'
const SEED = seedOf(Buffer.from('nonce 12'))

const record = (payload: string, offset = 2 ** 53 - 1): Buffer =>
  encodeRecord(
    {
      uid: uidBytes(UID),
      shard: 7,
      epoch: 2 ** 40,
      offset,
      timeMs: 3,
      kind: kinds.effects,
      database: 15,
    },
    Buffer.from(payload),
    SEED,
  )

describe('a log record', () => {
  it('is laid out as its picture says', () => {
    const bytes = record('payload')
    assert.equal(bytes.length, RECORD_HEADER_BYTES + 7)
    assert.equal(bytes.readUInt32LE(0), 7)
    assert.equal(bytes.readUInt32LE(4), crc32(bytes.subarray(8), SEED))
    assert.equal(bytes.toString('hex', 8, 24), UID.replaceAll('-', ''))
    assert.equal(bytes.readUInt32LE(24), 7)
    assert.equal(bytes.readBigUInt64LE(28), 2n ** 40n)
    assert.equal(bytes.readBigUInt64LE(36), 2n ** 53n - 1n)
    assert.equal(bytes.readBigUInt64LE(44), 3n)
    assert.equal(bytes.readUInt16LE(52), kinds.effects)
    assert.equal(bytes.readUInt16LE(54), 15)
    assert.equal(bytes.toString('latin1', 56), 'payload')
    assert.equal(recordEnd(bytes, 0), bytes.length)
  })

  it('does not survive any flipped bit, nor another nonce', () => {
    const bytes = record('payload')
    assert.ok(isPlausibleHeader(bytes, 0) && isIntact(bytes, 0, SEED))
    assert.ok(!isIntact(bytes, 0, seedOf(Buffer.from('nonce 13'))))
    for (let bit = 32; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3] ^= 1 << (bit & 7)
      assert.ok(!isIntact(bytes, 0, SEED), `bit ${bit}`)
      bytes[bit >> 3] ^= 1 << (bit & 7)
    }
  })

  it('is never one of zeros, nor one of offsets that numbers cannot hold', () => {
    assert.ok(!isPlausibleHeader(Buffer.alloc(RECORD_HEADER_BYTES), 0))
    const bytes = record('')
    bytes.writeBigUInt64LE(2n ** 53n, 36)
    assert.ok(!isPlausibleHeader(bytes, 0))
  })

  it('marks what was synced, and seals with the end of every shard', () => {
    assert.equal(offsetAt(encodeMark(4096, 1, SEED), 0), 4096)
    const entries = [
      { key: shardKey(UID, 0), epoch: 1, offset: 10 },
      { key: shardKey('standalone', 4_294_967_295), epoch: 2 ** 50, offset: 2 ** 52 },
    ]
    const seal = encodeSeal(entries, 1, SEED)
    assert.deepEqual(decodeSeal(seal, RECORD_HEADER_BYTES, seal.length), entries)
  })

  it('names tenants by their UUID, others by the beginning of its SHA-256', () => {
    assert.equal(shardKey(UID, 3), `${UID.replaceAll('-', '')}-3`)
    assert.equal(shardKey('standalone', 0), '5b565a33b80b75dc462328a68cb5b57d-0')
    assert.deepEqual(parseShardKey(shardKey(UID, 3)), { uid: uidBytes(UID), shard: 3 })
    for (const key of ['', 'x-1', `${UID}-1`]) assert.throws(() => parseShardKey(key), /shard/)
  })
})

describe('a segment header', () => {
  const header = {
    number: 0xabcdef,
    nonce: Buffer.from('nonce 12'),
    nonceBefore: Buffer.from('nonce 11'),
    logId: Buffer.from('sixteen bytes id'),
    timeMs: 1_700_000_000_000,
  }

  it('comes back as it was, or says why it does not', () => {
    const bytes = encodeSegmentHeader(header)
    assert.deepEqual(decodeSegmentHeader(bytes), header)
    assert.equal(decodeSegmentHeader(bytes.subarray(0, 63)), 'only 63 bytes')
    assert.equal(decodeSegmentHeader(Buffer.alloc(64)), 'not a log segment')
    bytes[40] ^= 1
    assert.equal(decodeSegmentHeader(bytes), 'header is damaged')
  })

  it('belongs to a file of its number', () => {
    assert.equal(segmentName(0xabcdef), '0000000000abcdef.seg')
    assert.equal(parseSegmentName('0000000000abcdef.seg'), 0xabcdef)
    for (const name of ['reserve', 'abcdef.seg', '0000000000abcdef.seg.new']) {
      assert.equal(parseSegmentName(name), undefined)
    }
  })
})
