/**
 * Builds the product's container image without Docker: `node images/build.ts [--out FILE]
 * [--name NAME]`. The archive suits `ctr images import`, `docker load` and
 * `kind load image-archive`. The Dockerfile runs it with `--directory DIR`, which writes the
 * image's files there instead.
 */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundleProgram, type Program, programs } from './bundle.ts'
import { encodeImage, type ImageConfig } from './oci.ts'
import { imageUserId, programEntries, systemEntries, text } from './rootfs.ts'

const repository = fileURLToPath(new URL('..', import.meta.url))

export interface ImageOptions {
  /** Full image name; default localhost/miniredis:<version of the repository>. */
  readonly name?: string
  /** Archive to write; default build/miniredis-image.tar in the repository. */
  readonly out?: string
  /** Programs to bundle; a test may pass its own. */
  readonly programs?: readonly Program[]
}

export interface BuiltImage {
  readonly name: string
  readonly path: string
  readonly bytes: number
}

/** Writes the image's archive and says where. Fails when a program cannot be bundled. */
export async function buildImage(options: ImageOptions = {}): Promise<BuiltImage> {
  const name = options.name ?? `localhost/miniredis:${await version()}`
  const path = resolve(options.out ?? `${repository}build/miniredis-image.tar`)
  const archive = encodeImage(await describeImage(name, options.programs ?? programs))
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, archive)
  return { name, path, bytes: archive.length }
}

/** Writes what the image holds as plain files, for `FROM scratch` and `COPY`. */
async function writeFiles(directory: string): Promise<void> {
  const { layers } = await describeImage('', programs)
  for (const entry of layers.flat()) {
    const path = resolve(directory, entry.path)
    await mkdir(entry.kind === 'directory' ? path : dirname(path), { recursive: true })
    if (entry.kind === 'file') await writeFile(path, entry.bytes)
    await chmod(path, entry.mode) // the mode of mkdir and writeFile is cut by the umask
  }
}

async function describeImage(name: string, wanted: readonly Program[]): Promise<ImageConfig> {
  const base = [...systemEntries(), ...(await programEntries(nodeBinary(), '/usr/local/bin/node'))]
  const app = await Promise.all(
    wanted.map(async (program) => text(`app/${program.name}.mjs`, await bundleProgram(program))),
  )
  return {
    name,
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    user: `${imageUserId}:${imageUserId}`,
    workingDir: '/app',
    entrypoint: ['/usr/local/bin/node'],
    env: ['PATH=/usr/local/bin', 'HOME=/tmp', 'NODE_ENV=production'],
    labels: {
      'org.opencontainers.image.title': 'miniredis',
      'org.opencontainers.image.licenses': 'Apache-2.0',
    },
    layers: [base, app],
  }
}

/** The Node that the lockfile pins, not the one that happens to run this script. */
function nodeBinary(): string {
  const require = createRequire(import.meta.url)
  return resolve(dirname(require.resolve(`node-linux-${process.arch}/package.json`)), 'bin/node')
}

async function version(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(`${repository}package.json`, 'utf8'))
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) {
    return String(manifest.version)
  }
  throw new Error('package.json has no version')
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { name: text, out: text, directory: text } })
  if (values.directory !== undefined) return writeFiles(values.directory)
  const built = await buildImage(values)
  console.log(`${built.name}: ${built.path}, ${Math.round(built.bytes / 2 ** 20)} MiB`)
}

if (import.meta.main) await main()
