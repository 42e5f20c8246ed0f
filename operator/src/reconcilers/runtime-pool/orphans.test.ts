import assert from 'node:assert/strict'
import { judgeOrphans, ORPHAN_SETTLE_MS, ORPHAN_WAIT_MS_MAX, type OrphanView } from './orphans.ts'

const vanished = (count: number, sinceMs = 0): Map<string, number> =>
  new Map(Array.from({ length: count }, (_, index) => [`uid-${index}`, sinceMs]))

const view = (more: Partial<OrphanView>): OrphanView => ({
  vanished: new Map(),
  tenants: 100,
  definitionUid: 'crd',
  knownDefinitionUid: 'crd',
  accepted: undefined,
  ...more,
})

const kind = (more: Partial<OrphanView>, nowMs = ORPHAN_SETTLE_MS) =>
  judgeOrphans(view(more), nowMs).kind

const cases: readonly [string, Partial<OrphanView>, string][] = [
  ['nobody vanished', {}, 'none'],
  ['one vanished', { vanished: vanished(1) }, 'remove'],
  ['the only one vanished', { vanished: vanished(1), tenants: 1 }, 'remove'],
  ['ten of ten', { vanished: vanished(10), tenants: 10 }, 'remove'],
  ['eleven of eleven', { vanished: vanished(11), tenants: 11 }, 'held'],
  ['a fifth', { vanished: vanished(20) }, 'remove'],
  ['more than a fifth', { vanished: vanished(21) }, 'held'],
  ['one, and the definition', { vanished: vanished(1), definitionUid: undefined }, 'held'],
  ['one, of another definition', { vanished: vanished(1), definitionUid: 'new' }, 'held'],
  ['one, before any was known', { vanished: vanished(1), knownDefinitionUid: undefined }, 'remove'],
]

describe('orphans', () => {
  for (const [title, facts, verdict] of cases)
    it(`${title}: ${verdict}`, () => assert.equal(kind(facts), verdict))

  it('are judged together, a moment after the last one vanished', () => {
    assert.equal(kind({ vanished: vanished(1) }, ORPHAN_SETTLE_MS - 1), 'settling')
    const both = new Map([...vanished(1), ['later', 1000]])
    assert.deepEqual(judgeOrphans(view({ vanished: both }), ORPHAN_SETTLE_MS), {
      kind: 'settling',
      delayMs: 1000,
    })
  })

  it('are not put off for ever by others that follow', () => {
    const endless = new Map([...vanished(1), ['just now', ORPHAN_WAIT_MS_MAX]])
    assert.equal(kind({ vanished: endless }, ORPHAN_WAIT_MS_MAX), 'remove')
  })

  it('go by a word that is good for exactly these', () => {
    const verdict = judgeOrphans(view({ vanished: vanished(30) }), ORPHAN_SETTLE_MS)
    assert.ok(verdict.kind === 'held')
    const accepted = verdict.acceptance
    assert.equal(kind({ vanished: vanished(30), accepted }), 'remove')
    assert.equal(kind({ vanished: vanished(31), accepted }), 'held')
    assert.equal(kind({ vanished: vanished(30), accepted, definitionUid: 'new' }), 'held')
  })
})
