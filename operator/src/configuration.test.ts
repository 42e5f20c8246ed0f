import assert from 'node:assert/strict'
import { parseConfiguration } from './configuration.ts'

describe('configuration', () => {
  it('has defaults for everything', () => {
    const { namespace, http, logLevel, exitOnStdinEof } = parseConfiguration({})
    assert.deepEqual(
      { namespace, http, logLevel, exitOnStdinEof },
      {
        namespace: 'miniredis',
        http: { address: '0.0.0.0', port: 7000 },
        logLevel: 'info',
        exitOnStdinEof: false,
      },
    )
  })

  it('names every variable that is wrong', () => {
    const wrong = { MINIREDIS_NAMESPACE: 'Bad_Name', MINIREDIS_OPERATOR_PORT: '70000' }
    assert.throws(() => parseConfiguration(wrong), /MINIREDIS_OPERATOR_PORT/)
    assert.throws(() => parseConfiguration(wrong), /must be the name of a namespace/)
  })
})
