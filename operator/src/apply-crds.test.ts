import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { applyCrds, ESTABLISHED_MS_MAX } from './apply-crds.ts'
import { VirtualClock } from './control/virtual-clock.ts'
import type { KubeObject } from './kube/object.ts'

const definition = (name: string) =>
  `apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: ${name}\n`

/** Serves a definition so many looks after it was applied. */
function createApi(looks: number) {
  const applied: string[] = []
  let left = looks
  const kube = {
    apply: async (_: unknown, { metadata }: KubeObject) => {
      applied.push(metadata.name)
    },
    get: async () => {
      const status = left-- > 0 ? 'False' : 'True'
      return { status: { conditions: [{ type: 'Established', status }] } }
    },
  }
  return { applied, kube: kube as never }
}

async function withFiles(
  files: Readonly<Record<string, string>>,
  test: (directory: string) => Promise<void>,
) {
  const directory = await mkdtemp(join(tmpdir(), 'definitions-'))
  try {
    for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text)
    await test(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

describe('apply-crds', () => {
  const onApplied = () => {}

  it('applies the definitions of a directory in order, and only those', async () => {
    const files = {
      'b.yaml': `${definition('b')}---\n${definition('c')}`,
      'a.yml': definition('a'),
      'README.md': '# no',
    }
    await withFiles(files, async (directory) => {
      const { applied, kube } = createApi(0)
      await applyCrds(directory, { kube, clock: new VirtualClock(), onApplied })
      assert.deepEqual(applied, ['a', 'b', 'c'])
    })
  })

  it('waits until they are served, but not for ever', async () => {
    await withFiles({ 'a.yaml': definition('a') }, async (directory) => {
      const clock = new VirtualClock()
      const slow = createApi(3)
      let done = false
      const applying = applyCrds(directory, { ...slow, clock, onApplied: () => (done = true) })
      while (!done) await clock.advance(100)
      await applying
      const never = createApi(Number.POSITIVE_INFINITY)
      let failed = false
      const refused = assert
        .rejects(applyCrds(directory, { ...never, clock, onApplied }), { code: 'NotEstablished' })
        .then(() => (failed = true))
      while (!failed) await clock.advance(ESTABLISHED_MS_MAX)
      await refused
    })
  })

  const wrong = {
    'something else': 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\n',
    'broken YAML': 'a: [',
  }
  for (const [title, text] of Object.entries(wrong)) {
    it(`names the file that holds ${title}`, async () => {
      await withFiles({ 'wrong.yaml': text }, async (directory) => {
        const { kube } = createApi(0)
        const ports = { kube, clock: new VirtualClock(), onApplied }
        await assert.rejects(applyCrds(directory, ports), /^Error: wrong\.yaml/)
      })
    })
  }

  it('refuses a directory without definitions', async () => {
    await withFiles({}, async (directory) => {
      const ports = { ...createApi(0), clock: new VirtualClock(), onApplied }
      await assert.rejects(applyCrds(directory, ports), /holds no definitions/)
    })
  })
})
