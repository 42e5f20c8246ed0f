import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { claimSchema, containerSchema, dataHolderSchema, podSchema } from '../kinds.ts'
import { buildMounts, prepareVolumes } from './volumes.ts'

const metadata = { name: 'x', namespace: 'default', uid: 'u' }
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('volumes', () => {
  const home = mkdtempSync(join(tmpdir(), 'volumes-'))
  after(() => rmSync(home, { recursive: true, force: true }))

  let secret: Record<string, string> | undefined = {}
  const prepare = (volume: object, phase = 'Bound') =>
    prepareVolumes(
      podSchema.parse({
        metadata,
        spec: { containers: [{ name: 'main' }], volumes: [{ name: 'v', ...volume }] },
      }),
      home,
      {
        secret: () => secret && dataHolderSchema.parse({ metadata, data: secret }),
        configMap: () => dataHolderSchema.parse({ metadata, data: { mode: 'fast' } }),
        claim: (name) =>
          name === 'there'
            ? claimSchema.parse({ metadata, spec: {}, status: { phase } })
            : undefined,
        claimDirectory: () => join(home, 'claim'),
      },
    )
  const read = (name: string) => readFileSync(join(home, 'v', name), 'utf8')
  beforeEach(() => rmSync(join(home, 'v'), { recursive: true, force: true }))

  it('writes a Secret, private, and replaces all its files at once', async () => {
    secret = { 'tls.crt': base64('old'), gone: base64('x') }
    await prepare({ secret: { secretName: 's' } })
    assert.equal(read('tls.crt'), 'old')
    assert.equal(statSync(join(home, 'v', 'tls.crt')).mode & 0o077, 0)
    secret = { 'tls.crt': base64('new'), 'tls.key': base64('key') }
    await prepare({ secret: { secretName: 's' } })
    assert.deepEqual([read('tls.crt'), read('tls.key')], ['new', 'key'])
    const names = readdirSync(join(home, 'v')).filter((name) => !name.startsWith('..'))
    assert.deepEqual(names, ['tls.crt', 'tls.key'])
  })

  it('touches nothing when nothing changed', async () => {
    secret = { a: base64('1') }
    await prepare({ secret: { secretName: 's' } })
    const before = statSync(join(home, 'v', '..data')).ino
    await prepare({ secret: { secretName: 's' } })
    assert.equal(statSync(join(home, 'v', '..data')).ino, before)
  })

  it('writes chosen keys to chosen paths', async () => {
    secret = { a: base64('1'), b: base64('2') }
    await prepare({ secret: { secretName: 's', items: [{ key: 'b', path: 'sub/file' }] } })
    assert.equal(read('sub/file'), '2')
    assert.equal(existsSync(join(home, 'v', 'a')), false)
  })

  it('refuses paths that lead out', async () => {
    secret = { a: base64('1') }
    const items = [{ key: 'a', path: '../../evil' }]
    await assert.rejects(prepare({ secret: { secretName: 's', items } }), /leads out/)
  })

  it('waits for what is missing, unless it is optional', async () => {
    secret = undefined
    await assert.rejects(prepare({ secret: { secretName: 's' } }), /secret "s" not found/)
    await prepare({ secret: { secretName: 's', optional: true } })
    assert.ok(existsSync(join(home, 'v')))
  })

  it('mounts claims when they are bound', async () => {
    const claim = (claimName: string) => ({ persistentVolumeClaim: { claimName } })
    assert.equal((await prepare(claim('there'))).get('v'), join(home, 'claim'))
    await assert.rejects(prepare(claim('there'), 'Pending'), /not bound/)
    await assert.rejects(prepare(claim('absent')), /"absent" not found/)
  })

  it('makes an empty directory and refuses types it does not know', async () => {
    assert.equal((await prepare({ emptyDir: {} })).get('v'), join(home, 'v'))
    await assert.rejects(prepare({ hostPath: { path: '/etc' } }), /type that the embedded/)
  })

  it('knows where mount paths are', () => {
    const container = containerSchema.parse({
      name: 'main',
      volumeMounts: [{ name: 'v', mountPath: '/data', subPath: 'a/b' }],
    })
    const mounts = buildMounts(container, new Map([['v', '/real']]))
    assert.deepEqual(mounts, [{ mountPath: '/data', directory: '/real/a/b' }])
    assert.throws(() => buildMounts(container, new Map()), /not defined/)
  })
})
