import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { encodeImage, type ImageConfig } from './oci.ts'
import { encodeTar, type TarEntry } from './tar.ts'

const file = (path: string, content: string): TarEntry => ({
  kind: 'file',
  path,
  mode: 0o640,
  bytes: Buffer.from(content),
})

/** GNU tar as the referee. */
function tar(archive: Buffer, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('tar', [...args], {
    input: archive,
    env: { TZ: 'UTC' },
  })
  assert.equal(status, 0, String(stderr))
  return String(stdout)
}

describe('archive', () => {
  it('lists entries in order, with parents, modes and no times or owners', () => {
    const archive = encodeTar([
      file('b/deep/file', 'hello'),
      { kind: 'directory', path: 'a', mode: 0o1777 },
    ])
    const lines = tar(archive, 'tvf', '-').trim().split('\n')
    assert.deepEqual(
      lines.map((line) => line.replaceAll(/ +/g, ' ')),
      [
        'drwxrwxrwt 0/0 0 1970-01-01 00:00 a/',
        'drwxr-xr-x 0/0 0 1970-01-01 00:00 b/',
        'drwxr-xr-x 0/0 0 1970-01-01 00:00 b/deep/',
        '-rw-r----- 0/0 5 1970-01-01 00:00 b/deep/file',
      ],
    )
  })

  for (const bytes of [0, 1, 511, 512, 513]) {
    it(`gives a file of ${bytes} bytes back`, () => {
      const content = 'x'.repeat(bytes)
      const archive = encodeTar([file('data', content), file('last', 'end')])
      assert.equal(tar(archive, 'xOf', '-', 'data'), content)
      assert.equal(tar(archive, 'xOf', '-', 'last'), 'end')
    })
  }

  it('keeps a path of 255 characters and refuses a longer name', () => {
    const path = `${'d'.repeat(150)}/${'f'.repeat(100)}`
    assert.equal(tar(encodeTar([file(path, 'deep')]), 'xOf', '-', path), 'deep')
    assert.throws(() => encodeTar([file(`d/${'f'.repeat(101)}`, '')]), /path too long/)
  })

  it('does not depend on the order of its entries', () => {
    const entries = [file('a', '1'), file('b/c', '2')]
    assert.deepEqual(encodeTar(entries), encodeTar(entries.toReversed()))
  })
})

describe('image', () => {
  const image: ImageConfig = {
    name: 'localhost/thing:1.2',
    architecture: 'amd64',
    user: '10001:10001',
    workingDir: '/app',
    entrypoint: ['/bin/thing'],
    env: [],
    labels: {},
    layers: [[file('bin/thing', 'program')], [file('app/data', 'data')]],
  }
  const archive = encodeImage(image)
  const read = (path: string): string => tar(archive, 'xOf', '-', path)
  const blobOf = (digest: string): string => read(`blobs/${digest.replace(':', '/')}`)

  it('every blob has the digest that names it', () => {
    const blobs = tar(archive, 'tf', '-')
      .split('\n')
      .filter((path) => /^blobs\/sha256\/./.test(path))
    assert.equal(blobs.length, 4)
    for (const path of blobs) {
      const bytes = spawnSync('tar', ['xOf', '-', path], { input: archive }).stdout
      assert.equal(createHash('sha256').update(bytes).digest('hex'), path.split('/')[2])
    }
  })

  it('leads from the index to a configuration and layers', () => {
    const [described] = JSON.parse(read('index.json')).manifests
    assert.equal(described.annotations['io.containerd.image.name'], image.name)
    const manifest = JSON.parse(blobOf(described.digest))
    const config = JSON.parse(blobOf(manifest.config.digest))
    assert.equal(config.config.User, '10001:10001')
    assert.deepEqual(
      config.rootfs.diff_ids,
      manifest.layers.map((layer: { digest: string }) => layer.digest),
    )
  })

  it('can be loaded by Docker under its name', () => {
    const [docker] = JSON.parse(read('manifest.json'))
    assert.deepEqual(docker.RepoTags, [image.name])
    assert.equal(docker.Layers.length, 2)
  })

  it('is the same bytes every time', () => {
    assert.deepEqual(encodeImage(image), archive)
  })
})
