import assert from 'node:assert/strict'
import fc from 'fast-check'
import { DamagedJournal, decodeJournal, encodeJournalFrame } from './journal-frames.ts'

const frames = [0, 1, 2].map((sequence) => encodeJournalFrame(sequence, { n: sequence }))
const [first, second, third] = frames
const journal = Buffer.concat(frames)
const payloads = (bytes: Buffer) => decodeJournal(bytes).frames.map(({ payload }) => payload)

describe('the bytes of the journal', () => {
  it('come back as they were written', () => {
    assert.deepEqual(payloads(journal), [{ n: 0 }, { n: 1 }, { n: 2 }])
    assert.equal(decodeJournal(journal).validBytes, journal.length)
  })

  it('lose only the torn frame, wherever the last write was cut', () => {
    const whole = first.length + second.length
    for (let length = whole; length < journal.length; length++) {
      const decoded = decodeJournal(journal.subarray(0, length))
      assert.deepEqual([decoded.frames.length, decoded.validBytes], [2, whole])
    }
  })

  it('lose only the torn frame when its bytes did not reach the disk', () => {
    const torn = Buffer.from(journal)
    torn.fill(0, first.length + second.length + 3)
    assert.deepEqual(payloads(torn), [{ n: 0 }, { n: 1 }])
  })

  it('are refused when any bit before the last frame differs, with the offset', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: first.length + second.length - 1 }),
        fc.integer({ min: 0, max: 7 }),
        (at, bit) => {
          const bytes = Buffer.from(journal)
          bytes[at] ^= 1 << bit
          assert.throws(
            () => decodeJournal(bytes),
            (error) =>
              error instanceof DamagedJournal &&
              error.offset === (at < first.length ? 0 : first.length),
          )
        },
      ),
    )
  })

  it('are refused when a frame is missing, or there twice', () => {
    assert.throws(() => decodeJournal(Buffer.concat([first, third])), /frame 2 follows frame 0/)
    assert.throws(() => decodeJournal(Buffer.concat([first, first])), /frame 0 follows frame 0/)
  })

  it('are refused when there is not one frame', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(4096), first.subarray(0, 9)]) {
      assert.throws(() => decodeJournal(bytes), DamagedJournal)
    }
  })
})
