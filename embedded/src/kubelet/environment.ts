/**
 * From a container's description to what its process gets: environment and arguments. Pure.
 *
 * Mount paths do not exist on this machine; wherever one stands in a value or an argument, the
 * real directory is put in its place.
 */
import { Buffer } from 'node:buffer'
import type { Container, DataHolder, Pod } from '../kinds.ts'
import type { ImageProgram } from './program.ts'

export interface Mount {
  readonly mountPath: string
  readonly directory: string
}

export interface EnvironmentSources {
  readonly pod: Pod
  readonly podIP: string
  readonly hostIP: string
  readonly secret: (name: string) => DataHolder | undefined
  readonly configMap: (name: string) => DataHolder | undefined
}

export interface Command {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Why a container cannot be started yet, as the kubelet's CreateContainerConfigError. */
export class ContainerConfigError extends Error {}

/** Values of the container's env, in order, each able to use those before it. */
export function buildEnvironment(
  container: Container,
  sources: EnvironmentSources,
): Record<string, string> {
  const env: Record<string, string> = {}
  for (const from of container.envFrom) Object.assign(env, importedValues(from, sources))
  for (const variable of container.env) {
    const value =
      variable.valueFrom === undefined
        ? expand(variable.value ?? '', env)
        : referencedValue(variable.valueFrom, sources)
    if (value !== undefined) env[variable.name] = value
  }
  return env
}

type EnvFrom = Container['envFrom'][number]
type ValueFrom = NonNullable<Container['env'][number]['valueFrom']>
type KeyReference = NonNullable<ValueFrom['secretKeyRef']>

function importedValues(from: EnvFrom, sources: EnvironmentSources): Record<string, string> {
  const reference = from.secretRef ?? from.configMapRef
  if (reference === undefined) return {}
  const kind = from.secretRef === undefined ? 'configmap' : 'secret'
  const holder =
    kind === 'secret' ? sources.secret(reference.name) : sources.configMap(reference.name)
  if (holder === undefined) {
    if (reference.optional === true) return {}
    throw new ContainerConfigError(`${kind} "${reference.name}" not found`)
  }
  const values = Object.keys(holder.data ?? {}).map((key) => [
    `${from.prefix}${key}`,
    holderValue(holder, key, kind === 'secret') ?? '',
  ])
  return Object.fromEntries(values)
}

function referencedValue(from: ValueFrom, sources: EnvironmentSources): string | undefined {
  if (from.fieldRef !== undefined) return fieldValue(from.fieldRef.fieldPath, sources)
  if (from.secretKeyRef !== undefined) {
    const { name } = from.secretKeyRef
    return keyValue('secret', from.secretKeyRef, sources.secret(name))
  }
  if (from.configMapKeyRef !== undefined) {
    const { name } = from.configMapKeyRef
    return keyValue('configmap', from.configMapKeyRef, sources.configMap(name))
  }
  throw new ContainerConfigError('valueFrom must be a fieldRef, secretKeyRef or configMapKeyRef')
}

function keyValue(
  kind: 'secret' | 'configmap',
  reference: KeyReference,
  holder: DataHolder | undefined,
): string | undefined {
  const value = holder && holderValue(holder, reference.key, kind === 'secret')
  if (value !== undefined || reference.optional === true) return value
  throw new ContainerConfigError(
    holder === undefined
      ? `${kind} "${reference.name}" not found`
      : `couldn't find key ${reference.key} in ${kind} ${reference.name}`,
  )
}

function holderValue(holder: DataHolder, key: string, isBase64: boolean): string | undefined {
  const value = holder.data?.[key]
  return value === undefined || !isBase64 ? value : Buffer.from(value, 'base64').toString('utf8')
}

const mapField = /^metadata\.(labels|annotations)\['([^']+)'\]$/

function fieldValue(path: string, { pod, podIP, hostIP }: EnvironmentSources): string {
  const fields: Record<string, string> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace,
    'metadata.uid': pod.metadata.uid,
    'spec.nodeName': pod.spec.nodeName ?? '',
    'spec.serviceAccountName': String(pod.spec.serviceAccountName ?? 'default'),
    'status.podIP': podIP,
    'status.podIPs': podIP,
    'status.hostIP': hostIP,
  }
  const [, map, key] = mapField.exec(path) ?? []
  const value =
    map === 'labels' || map === 'annotations'
      ? (pod.metadata[map]?.[key ?? ''] ?? '')
      : fields[path]
  if (value === undefined) throw new ContainerConfigError(`unsupported fieldPath "${path}"`)
  return value
}

/** `$(NAME)` becomes the value, `$$` one dollar sign, an unknown name stays as it is. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^()]*)\)/g, (whole, name: string | undefined) =>
    whole === '$$' ? '$' : (env[name ?? ''] ?? whole),
  )
}

/** Puts real directories in the place of mount paths; `/data` matches in `/data/x`, not `/database`. */
export function translateMounts(text: string, mounts: readonly Mount[]): string {
  if (mounts.length === 0) return text
  const directories = new Map(mounts.map((mount) => [bare(mount.mountPath), mount.directory]))
  const longestFirst = [...directories.keys()].sort((a, b) => b.length - a.length)
  const paths = longestFirst.map((path) => path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')
  const pattern = new RegExp(`(^|[=:,;\\s"'])(${paths})(?=$|[/:,;\\s"'])`, 'g')
  return text.replace(
    pattern,
    (_, before: string, path: string) => before + (directories.get(path) ?? path),
  )
}

const bare = (path: string): string => path.replace(/\/+$/, '')

export interface CommandOptions {
  readonly container: Container
  readonly program: ImageProgram
  readonly sources: EnvironmentSources
  readonly mounts: readonly Mount[]
  /** What every process has, unless the Pod says otherwise. */
  readonly defaults?: Readonly<Record<string, string>>
  /** Set for every container, stronger than what the Pod says. */
  readonly injected: Readonly<Record<string, string>>
}

/** The whole command of a container. Throws ContainerConfigError when something is missing. */
export function buildCommand(options: CommandOptions): Command {
  const { container, program, sources, mounts } = options
  const declared = buildEnvironment(container, sources)
  const env = Object.fromEntries(
    Object.entries(declared).map(([name, value]) => [name, translateMounts(value, mounts)]),
  )
  const words = [...(container.command ?? program.entrypoint ?? []), ...(container.args ?? [])]
  if (words.length === 0) throw new ContainerConfigError('no command specified')
  const argv = words
    .map((word) => expand(word, declared))
    .map((word) => program.paths[word] ?? translateMounts(word, mounts))
  return { argv, env: { ...options.defaults, ...env, ...options.injected } }
}
