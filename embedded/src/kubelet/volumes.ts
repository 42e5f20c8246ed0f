/**
 * Volumes as directories. Secrets and ConfigMaps are written the way the kubelet does it, so that
 * a reader sees either all old or all new files:
 *
 *   tls.crt -> ..data/tls.crt      ..data -> ..2026-05-01-…      ..2026-05-01-…/tls.crt
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Claim, Container, DataHolder, Pod, Volume } from '../kinds.ts'
import type { Mount } from './environment.ts'

/** Why a volume cannot be mounted yet, for the pod's events. */
export class VolumeError extends Error {}

export interface VolumeSources {
  readonly secret: (name: string) => DataHolder | undefined
  readonly configMap: (name: string) => DataHolder | undefined
  readonly claim: (name: string) => Claim | undefined
  /** The directory of a bound claim. */
  readonly claimDirectory: (claim: Claim) => string
}

export type VolumeDirectories = ReadonlyMap<string, string>

/** Makes every volume of the pod, and brings projected files up to date. Throws VolumeError. */
export async function prepareVolumes(
  pod: Pod,
  directory: string,
  sources: VolumeSources,
): Promise<VolumeDirectories> {
  const prepared = pod.spec.volumes.map(
    async (volume): Promise<[string, string]> => [
      volume.name,
      await prepareVolume(volume, join(directory, volume.name), sources),
    ],
  )
  return new Map(await Promise.all(prepared))
}

async function prepareVolume(
  volume: Volume,
  directory: string,
  sources: VolumeSources,
): Promise<string> {
  if (volume.persistentVolumeClaim !== undefined) {
    return claimVolume(volume.persistentVolumeClaim.claimName, sources)
  }
  if (volume.secret !== undefined) {
    const { secretName, ...options } = volume.secret
    const files = projectedFiles('secret', secretName, sources.secret(secretName), options)
    return await project(files, directory)
  }
  if (volume.configMap !== undefined) {
    const { name, ...options } = volume.configMap
    return await project(
      projectedFiles('configmap', name, sources.configMap(name), options),
      directory,
    )
  }
  if (volume.emptyDir === undefined) {
    throw new VolumeError(`volume "${volume.name}" is of a type that the embedded cluster lacks`)
  }
  await mkdir(directory, { recursive: true, mode: 0o700 })
  return directory
}

function claimVolume(name: string, sources: VolumeSources): string {
  const claim = sources.claim(name)
  if (claim === undefined) throw new VolumeError(`persistentvolumeclaim "${name}" not found`)
  if (claim.status.phase !== 'Bound') {
    throw new VolumeError(`persistentvolumeclaim "${name}" is not bound`)
  }
  return sources.claimDirectory(claim)
}

interface ProjectedFile {
  readonly path: string
  readonly bytes: Buffer
  readonly mode: number
}

interface ProjectionOptions {
  readonly items?: readonly { key: string; path: string; mode?: number | undefined }[] | undefined
  readonly optional?: boolean | undefined
  readonly defaultMode: number
}

function projectedFiles(
  kind: 'secret' | 'configmap',
  name: string,
  holder: DataHolder | undefined,
  { items, optional, defaultMode }: ProjectionOptions,
): readonly ProjectedFile[] {
  if (holder === undefined && optional !== true)
    throw new VolumeError(`${kind} "${name}" not found`)
  const data = holder === undefined ? new Map<string, Buffer>() : holderBytes(kind, holder)
  const wanted = items ?? [...data.keys()].map((key) => ({ key, path: key, mode: undefined }))
  return wanted.flatMap(({ key, path, mode }) => {
    const bytes = data.get(key)
    if (bytes !== undefined) return [{ path, bytes, mode: mode ?? defaultMode }]
    if (optional === true) return []
    throw new VolumeError(`${kind} "${name}" has no key "${key}"`)
  })
}

function holderBytes(kind: 'secret' | 'configmap', holder: DataHolder): Map<string, Buffer> {
  const text = kind === 'secret' ? 'base64' : 'utf8'
  const entries = Object.entries(holder.data ?? {}).map(([key, value]): [string, Buffer] => [
    key,
    Buffer.from(value, text),
  ])
  const binary = Object.entries(holder.binaryData ?? {}).map(([key, value]): [string, Buffer] => [
    key,
    Buffer.from(value, 'base64'),
  ])
  return new Map([...entries, ...binary])
}

/** Writes the files unless exactly these are there. Returns the directory. */
async function project(files: readonly ProjectedFile[], directory: string): Promise<string> {
  for (const { path } of files) assertInside(directory, path)
  const version = `..${digest(files)}`
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const current = await readlink(join(directory, '..data')).catch(() => undefined)
  if (current === version) return directory
  await writeVersion(files, join(directory, version))
  await replaceLink(version, join(directory, '..data'))
  await replaceTopLevel(files, directory)
  if (current !== undefined) await rm(join(directory, current), { recursive: true, force: true })
  return directory
}

async function writeVersion(files: readonly ProjectedFile[], directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { mode: 0o700 })
  for (const { path, bytes, mode } of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true, mode: 0o700 })
    await writeFile(join(directory, path), bytes, { mode: mode & 0o700 })
  }
}

async function replaceTopLevel(files: readonly ProjectedFile[], directory: string): Promise<void> {
  const wanted = new Set(files.map(({ path }) => path.split('/')[0] ?? path))
  for (const name of wanted) await replaceLink(join('..data', name), join(directory, name))
  const present = await readdir(directory)
  const stale = present.filter((name) => !name.startsWith('..') && !wanted.has(name))
  await Promise.all(stale.map((name) => rm(join(directory, name), { force: true })))
}

async function replaceLink(target: string, path: string): Promise<void> {
  const temporary = `${path}..tmp`
  await rm(temporary, { force: true })
  await symlink(target, temporary)
  await rename(temporary, path)
}

function digest(files: readonly ProjectedFile[]): string {
  const hash = createHash('sha256')
  for (const { path, bytes, mode } of files) {
    hash.update(`${path}\0${mode}\0${bytes.length}\0`).update(bytes)
  }
  return hash.digest('hex').slice(0, 32)
}

/** Where the container's mount paths really are. */
export function buildMounts(container: Container, directories: VolumeDirectories): Mount[] {
  return container.volumeMounts.map(({ name, mountPath, subPath }) => {
    const directory = directories.get(name)
    if (directory === undefined) throw new VolumeError(`volume "${name}" is not defined`)
    if (subPath !== undefined) assertInside(directory, subPath)
    return { mountPath, directory: join(directory, subPath ?? '') }
  })
}

function assertInside(directory: string, path: string): void {
  const from = relative(directory, resolve(directory, path))
  if (from === '..' || from.startsWith(`..${sep}`) || from.startsWith(sep)) {
    throw new VolumeError(`path "${path}" leads out of its volume`)
  }
}
