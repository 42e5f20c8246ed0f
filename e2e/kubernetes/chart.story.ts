/**
 * What the chart renders, compared with committed files, so that a change of the chart is seen in
 * review. `GOLDEN=write npx mocha --spec e2e/kubernetes/chart.story.ts` writes them anew. What other
 * generated files hold (definitions, rules of the roles) is compared with those and left out.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { type Binaries, buildTestCluster } from './binaries.ts'
import { type CommandResult, tryCommand } from './command.ts'
import { repository } from './layout.ts'

const chart = `${repository}/charts/miniredis`
const folder = `${repository}/e2e/chart`
const fullValues = ['--values', `${folder}/full-values.yaml`]

const renderings: readonly [title: string, file: string, args: readonly string[]][] = [
  ['default values', 'default.yaml', []],
  ['every value changed', 'full.yaml', fullValues],
]

const refusals: readonly [title: string, setting: string, message: RegExp][] = [
  ['a misspelt value', 'operator.replica=2', /replica/],
  ['no operator at all', 'operator.replicas=0', /operator\/replicas/],
  ['a pool without members', 'pool.members=0', /pool\/members/],
  ['a storage size that is no text', 'pool.storage.size=1', /pool\/storage\/size/],
]

interface Rendered {
  readonly kind: string
  readonly metadata: { readonly name: string }
  data?: unknown
  rules?: unknown
}

describe('chart', function () {
  this.timeout(20 * 60_000) // a cold build of helm

  let binaries: Binaries
  const helm = (...args: string[]): Promise<CommandResult> =>
    tryCommand([binaries.helm, ...args], { env: { PATH: process.env.PATH, HOME: '/nonexistent' } })

  before(async () => {
    binaries = await buildTestCluster()
  })

  for (const [title, file, args] of renderings) {
    it(`renders as committed: ${title}`, async () => {
      const render = ['template', 'miniredis', chart, '--namespace', 'miniredis', ...args]
      const { exitCode, stdout, stderr } = await helm(...render)
      assert.equal(exitCode, 0, stderr)
      const golden = `${folder}/golden/${file}`
      const rendered = withoutGenerated(stdout)
      if (process.env.GOLDEN === 'write') writeFileSync(golden, rendered)
      assert.equal(rendered, readFileSync(golden, 'utf8'))
    })
  }

  for (const args of [[], fullValues]) {
    it(`passes helm lint ${args.length === 0 ? 'as it is' : 'with every value changed'}`, async () => {
      const { exitCode, stdout, stderr } = await helm('lint', '--strict', chart, ...args)
      assert.equal(exitCode, 0, stdout + stderr)
    })
  }

  for (const [title, setting, message] of refusals) {
    it(`refuses ${title}`, async () => {
      const { exitCode, stderr } = await helm('template', 'miniredis', chart, '--set', setting)
      assert.notEqual(exitCode, 0)
      assert.match(stderr, message)
    })
  }
})

/** Checks the parts that come from generated files, and gives back the rest. */
function withoutGenerated(rendered: string): string {
  const objects = parseAllDocuments(rendered).map((document): Rendered => document.toJS())
  for (const object of objects) {
    const { kind, metadata } = object
    if (kind === 'ConfigMap') {
      assert.deepEqual(object.data, definitions())
      delete object.data
    }
    if (kind.endsWith('Role') && metadata.name === 'miniredis-operator') {
      const file = kind === 'Role' ? 'role-rules.yaml' : 'cluster-role-rules.yaml'
      assert.deepEqual(object.rules, parse(readFileSync(`${chart}/generated/${file}`, 'utf8')))
      delete object.rules
    }
  }
  return objects.map((object) => stringify(object)).join('---\n')
}

function definitions(): Record<string, string> {
  const names = readdirSync(`${chart}/crds`)
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(`${chart}/crds/${name}`, 'utf8')]),
  )
}
