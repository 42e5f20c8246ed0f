/**
 * Container images as values: layers and a configuration in, one archive file's bytes out. The
 * archive is an OCI image layout (what containerd imports) that also carries the manifest.json that
 * `docker load` and `kind load image-archive` look for.
 *
 * Layers are stored uncompressed: an import on the same machine is faster, and the bytes do not
 * depend on a version of zlib. Format: the OCI image specification 1.1.
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { encodeTar, type TarEntry } from './tar.ts'

export interface ImageConfig {
  /** Full name with registry and tag, for example localhost/miniredis:0.1.0 */
  readonly name: string
  readonly architecture: 'amd64' | 'arm64'
  readonly user: string
  readonly workingDir: string
  readonly entrypoint: readonly string[]
  readonly env: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** Lowest layer first. */
  readonly layers: readonly (readonly TarEntry[])[]
}

interface Blob {
  readonly bytes: Buffer
  readonly digest: string
}

/** The bytes of the image's archive. Equal images give equal bytes. */
export function encodeImage(image: ImageConfig): Buffer {
  const layers = image.layers.map((entries) => blob(encodeTar(entries)))
  const config = blob(json(buildConfig(image, layers)))
  const manifest = blob(json(buildManifest(config, layers)))
  return encodeTar([
    file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    file('index.json', json(buildIndex(image, manifest))),
    file('manifest.json', json(buildDockerManifest(image, config, layers))),
    ...[...layers, config, manifest].map((each) => file(blobPath(each), each.bytes)),
  ])
}

function buildConfig(image: ImageConfig, layers: readonly Blob[]): object {
  return {
    architecture: image.architecture,
    os: 'linux',
    config: {
      User: image.user,
      WorkingDir: image.workingDir,
      Entrypoint: image.entrypoint,
      Env: image.env,
      Labels: image.labels,
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
  }
}

function buildManifest(config: Blob, layers: readonly Blob[]): object {
  return {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar', layer)),
  }
}

function buildIndex(image: ImageConfig, manifest: Blob): object {
  const described = {
    ...descriptor('application/vnd.oci.image.manifest.v1+json', manifest),
    platform: { architecture: image.architecture, os: 'linux' },
    // containerd takes the image's full name from the first annotation, other tools read the second
    annotations: {
      'io.containerd.image.name': image.name,
      'org.opencontainers.image.ref.name': image.name.slice(image.name.lastIndexOf(':') + 1),
    },
  }
  return { schemaVersion: 2, manifests: [described] }
}

function buildDockerManifest(image: ImageConfig, config: Blob, layers: readonly Blob[]): object {
  return [{ Config: blobPath(config), RepoTags: [image.name], Layers: layers.map(blobPath) }]
}

function descriptor(mediaType: string, { bytes, digest }: Blob): object {
  return { mediaType, digest, size: bytes.length }
}

function blob(bytes: Buffer): Blob {
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` }
}

function blobPath({ digest }: Blob): string {
  return `blobs/${digest.replace(':', '/')}`
}

function file(path: string, bytes: Buffer): TarEntry {
  return { kind: 'file', path, mode: 0o644, bytes }
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}
