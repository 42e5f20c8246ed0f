/** The house rules that a compiler does not know: who may import whom, and what stays pure. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const root = join(import.meta.dirname, '..')

/** Rooms of ours that a room may import in its sources. Tests may use `embedded` as their cluster. */
const fences: Readonly<Record<string, readonly string[]>> = {
  crds: [],
  runtime: ['crds'],
  operator: ['crds'],
  embedded: ['crds'],
  e2e: ['crds', 'embedded', 'images', 'tools'],
  images: [],
}

/** Folders and files that decide: they take time, randomness and everything else as arguments. */
const pure = [
  'crds/src',
  'runtime/src/protocol',
  'runtime/src/engine',
  'runtime/src/commands',
  'operator/src/placement',
  'operator/src/builders',
  'operator/src/reconcilers/*/plan.ts',
  'operator/src/reconcilers/*/status.ts',
]

const impurities: readonly [pattern: RegExp, instead: string][] = [
  [/\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, 'take `nowMs` as an argument'],
  [/\bMath\.random\(|\brandomBytes\(|\brandomUUID\(/, 'take a random source as an argument'],
  [/\bsetTimeout\(|\bsetInterval\(|\bsetImmediate\(/, 'return what should happen later as data'],
  [/\bprocess\.(env|argv|stdout|stderr|exit)\b/, 'let main.ts read it and pass it in'],
  [
    /from 'node:(fs|net|tls|http|https|child_process|dgram|worker_threads|timers)/,
    'put a port in front of it',
  ],
]

interface Source {
  readonly path: string
  readonly room: string
  readonly text: string
}

const sources: readonly Source[] = globSync('{crds,runtime,operator,embedded,e2e,images}/**/*.ts', {
  cwd: root,
  exclude: (path) => path.includes('node_modules'),
})
  .sort()
  .map((path) => ({
    path,
    room: path.split('/')[0] ?? '',
    text: readFileSync(join(root, path), 'utf8'),
  }))

const isTest = ({ path }: Source) => /\.test\.ts$|\/test\/|\/bench\/|testing/.test(path)

const importsOf = ({ text }: Source): string[] =>
  [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1] ?? '')

function importedRoom({ path, room }: Source, specifier: string): string {
  if (specifier.startsWith('@miniredis/')) return specifier.split('/')[1] ?? ''
  if (!specifier.startsWith('.')) return room
  return relative(root, join(root, dirname(path), specifier)).split('/')[0] ?? ''
}

describe('tidy', () => {
  it('rooms import only what DESIGN 2 lets them', () => {
    const broken = sources.flatMap((source) => {
      const allowed = [source.room, ...(fences[source.room] ?? [])]
      if (isTest(source)) allowed.push('embedded')
      return importsOf(source)
        .map((specifier) => importedRoom(source, specifier))
        .filter((room) => !allowed.includes(room))
        .map((room) => `${source.path} imports ${room}: meet on the wire or in crds instead`)
    })
    assert.deepEqual(broken, [])
  })

  it('pure folders touch no clock, randomness, timer, environment or I/O', () => {
    const files = new Set(pure.flatMap((glob) => globSync(expand(glob), { cwd: root })))
    const broken = sources
      .filter((source) => files.has(source.path) && !isTest(source))
      .flatMap(({ path, text }) =>
        impurities
          .filter(([pattern]) => pattern.test(withoutComments(text)))
          .map(([pattern, instead]) => `${path} matches ${pattern}: ${instead}`),
      )
    assert.deepEqual(broken, [])
  })

  it('only a main.ts reads the environment', () => {
    const broken = sources
      .filter(
        (source) => !isTest(source) && !/main\.ts$/.test(source.path) && source.room !== 'e2e',
      )
      .filter(({ text }) => /\bprocess\.env\b/.test(withoutComments(text)))
      .map(({ path }) => `${path} reads process.env: parse it in main.ts and pass values in`)
    assert.deepEqual(broken, [])
  })

  it('files stay short enough to read', () => {
    const long = sources
      .filter((source) => !isTest(source))
      .map(({ path, text }) => ({ path, lines: text.split('\n').length }))
      .filter(({ lines }) => lines > 600)
      .map(({ path, lines }) => `${path} has ${lines} lines: split it by what it knows`)
    assert.deepEqual(long, [])
  })
})

const expand = (glob: string): string => (glob.endsWith('.ts') ? glob : `${glob}/**/*.ts`)

const withoutComments = (text: string): string =>
  text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '')
