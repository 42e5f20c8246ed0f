import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventReasons, reasons } from '@miniredis/crds'

const sources = globSync('**/*.ts', { cwd: import.meta.dirname })
  .filter((path) => !/\.test\.ts$|testing/.test(path))
  .map((path) => readFileSync(join(import.meta.dirname, path), 'utf8'))
  .join('\n')

describe('the catalogue of reasons', () => {
  for (const reason of [...Object.keys(reasons), ...Object.keys(eventReasons)])
    it(`${reason} is used`, () => assert.ok(sources.includes(`'${reason}'`)))
})
