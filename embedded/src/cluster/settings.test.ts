import assert from 'node:assert/strict'
import { parseSettings } from './settings.ts'

const parse = (args: string[], environment: Record<string, string> = {}) =>
  parseSettings(args, environment, '/repo')

describe('settings of the embedded cluster', () => {
  it('have defaults that people know', () => {
    assert.deepEqual(parse(['up']), {
      verb: 'up',
      deletesData: false,
      home: '/repo/.miniredis',
      portBase: 6001,
      apiPort: 6000,
    })
  })

  it('move with the environment', () => {
    const settings = parse(['run'], { MINIREDIS_HOME: '/h', MINIREDIS_PORT_BASE: '7101' })
    assert.deepEqual([settings.home, settings.portBase, settings.apiPort], ['/h', 7101, 7100])
  })

  it('refuse what they do not know, and say what there is', () => {
    assert.throws(() => parse([]), /usage/)
    assert.throws(() => parse(['fly']), /usage/)
    assert.throws(() => parse(['up', '--data=delete']), /unknown option --data=delete/)
    assert.throws(() => parse(['up'], { MINIREDIS_PORT_BASE: 'x' }), /MINIREDIS_PORT_BASE/)
    assert.throws(() => parse(['up'], { MINIREDIS_PORT_BASE: '80' }), /MINIREDIS_PORT_BASE/)
  })

  it('delete data only when told', () => {
    assert.equal(parse(['down']).deletesData, false)
    assert.equal(parse(['down', '--data=delete']).deletesData, true)
  })
})
