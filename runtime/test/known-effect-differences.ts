/** Where our effects differ from what redis-server propagates, on purpose. The list may only shrink. */

export interface KnownEffectDifference {
  /** The command as the test writes it. */
  readonly command: string
  readonly reason: string
}

const decided = 'the condition has been decided: the effect is what it did, not what it asked'
const nothing =
  'nothing was there, so nothing changed: Redis propagates the flush of an empty database'

export const knownEffectDifferences: readonly KnownEffectDifference[] = [
  { command: 'SET fresh v NX', reason: decided },
  { command: 'SETNX fresh2 v', reason: decided },
  { command: 'SET k v2 XX', reason: decided },
  { command: 'PEXPIRE k 200000 GT', reason: decided },
  { command: 'EXPIRE k 300 XX', reason: decided },
  { command: 'FLUSHALL', reason: nothing },
]
