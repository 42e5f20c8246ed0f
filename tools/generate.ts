/**
 * `node tools/generate.ts` writes every generated file; `--check` fails when one is stale.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { renderContract } from '../crds/generator/generated-files.ts'
import { renderPermissions } from '../operator/generator/permissions.ts'

const root = join(import.meta.dirname, '..')
const files = Object.entries({ ...renderContract(), ...renderPermissions() })

function read(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch {
    return undefined
  }
}

const stale = files.filter(([path, text]) => read(path) !== text)

if (process.argv.includes('--check')) {
  for (const [path] of stale) console.error(`${path} is stale: run make gen and commit the result`)
  process.exitCode = stale.length === 0 ? 0 : 1
} else {
  for (const [path, text] of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    console.log(`wrote ${path}`)
  }
}
