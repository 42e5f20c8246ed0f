import assert from 'node:assert/strict'
import { z } from 'zod'
import { text, withRules, withTransition } from './rule.ts'

const validations = (schema: z.ZodType) =>
  (z.toJSONSchema(schema, { io: 'input' })['x-kubernetes-validations'] ?? []) as object[]

describe('a rule', () => {
  const even = withRules(z.int(), [
    { cel: 'self % 2 == 0', message: 'must be even', holds: (value) => value % 2 === 0 },
  ])

  it('is judged by zod', () => {
    assert.ok(even.safeParse(2).success)
    assert.equal(even.safeParse(3).error?.issues[0]?.message, 'must be even')
  })

  it('reaches the definition as CEL', () => {
    assert.deepEqual(validations(even), [{ rule: 'self % 2 == 0', message: 'must be even' }])
  })

  it('joins the rules that are there already', () => {
    const twice = withTransition(even, 'self == oldSelf', 'cannot be changed')
    assert.equal(validations(twice).length, 2)
  })

  it('explains the form of a text', () => {
    const name = text('^[a-z]+$', 3, 'must be letters')
    assert.ok(name.safeParse('abc').success)
    assert.equal(name.safeParse('1').error?.issues[0]?.message, 'must be letters')
    assert.ok(!name.safeParse('abcd').success)
  })
})
