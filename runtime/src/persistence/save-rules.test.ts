import assert from 'node:assert/strict'
import { formatSaveRules, isSaveDue, parseSaveRules, RETRY_AFTER_MS } from './save-rules.ts'

const history = { changes: 100, savedAtMs: 0, triedAtMs: 0, wasGood: true }

describe('save rules', () => {
  for (const [title, rules, changes, nowMs, expected] of [
    ['no rule', [], 100, 1e9, false],
    ['enough of both', [[60, 100]], 100, 60_001, true],
    ['too early', [[60, 100]], 100, 60_000, false],
    ['too few changes', [[60, 100]], 99, 1e9, false],
    [
      'any of them',
      [
        [3600, 1],
        [60, 100],
      ],
      100,
      60_001,
      true,
    ],
    ['no change', [[1, 1]], 0, 1e9, false],
  ] as const) {
    it(title, () => assert.equal(isSaveDue(rules, { ...history, changes }, nowMs), expected))
  }

  it('wait after a failure', () => {
    const failed = { ...history, wasGood: false, triedAtMs: 100_000 }
    assert.equal(isSaveDue([[1, 1]], failed, 100_000 + RETRY_AFTER_MS), false)
    assert.equal(isSaveDue([[1, 1]], failed, 100_001 + RETRY_AFTER_MS), true)
  })

  it('are read and printed as Redis does', () => {
    assert.deepEqual(parseSaveRules('3600 1  300 100'), [
      [3600, 1],
      [300, 100],
    ])
    assert.deepEqual(parseSaveRules(''), [])
    for (const text of ['1', 'a b', '0 1', '1 -1', '1 1 1']) {
      assert.equal(parseSaveRules(text), undefined, text)
    }
    assert.equal(
      formatSaveRules([
        [3600, 1],
        [300, 100],
      ]),
      '3600 1 300 100',
    )
  })
})
