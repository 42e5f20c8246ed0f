/**
 * The kubelet of all nodes of this machine: one worker for each pod that is bound to one of them.
 * A container is a process; see container-process.ts.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { EventRecorder } from '../event-recorder.ts'
import {
  type Claim,
  type Container,
  claimSchema,
  type DataHolder,
  dataHolderSchema,
  type Pod,
  podSchema,
} from '../kinds.ts'
import { Mirror } from '../mirror.ts'
import type { ApiStore } from '../store/api-store.ts'
import type { KubeObject } from '../store/kube-object.ts'
import { resources } from '../store/resources.ts'
import { AddressPool } from './address-pool.ts'
import { type LogReadOptions, readLogFiles } from './container-log.ts'
import { type PreparedContainer, UnknownImageError } from './container-unit.ts'
import { buildCommand, type EnvironmentSources, expand, translateMounts } from './environment.ts'
import { PodWorker } from './pod-worker.ts'
import { containerIdVariable, ProcessRecords } from './process-records.ts'
import { findProgram, type ImageProgram } from './program.ts'
import { buildMounts, prepareVolumes, type VolumeDirectories } from './volumes.ts'

const HOST_IP = '127.0.0.1'

export interface KubeletOptions {
  readonly store: ApiStore
  readonly clock: Clock
  /** Pods, logs and process records live below it. */
  readonly home: string
  readonly nodeNames: readonly string[]
  /** First two octets of the pods' addresses. */
  readonly addressPrefix: string
  readonly programs: readonly ImageProgram[]
  readonly claimDirectory: (claim: Claim) => string
  /** PATH of every container. */
  readonly path: string
  readonly onError: (error: unknown) => void
}

export interface LogRequest extends LogReadOptions {
  readonly namespace: string
  readonly pod: string
  /** The first container when absent. */
  readonly container?: string | undefined
  /** The run before the present one. */
  readonly previous?: boolean | undefined
}

export class Kubelet {
  readonly #options: KubeletOptions
  readonly #workers = new Map<string, PodWorker>()
  readonly #volumeWork = new Map<string, Promise<unknown>>()
  readonly #removals = new Set<Promise<void>>()
  readonly #addresses: AddressPool
  readonly #records: ProcessRecords
  readonly #events: EventRecorder
  readonly #pods: Mirror<Pod>
  readonly #secrets: Mirror<DataHolder>
  readonly #configMaps: Mirror<DataHolder>
  readonly #claims: Mirror<Claim>

  constructor(options: KubeletOptions) {
    const { store, clock, home, addressPrefix } = options
    this.#options = options
    this.#addresses = new AddressPool(addressPrefix)
    this.#records = new ProcessRecords(join(home, 'processes'))
    this.#events = new EventRecorder(store, 'kubelet', clock)
    this.#pods = new Mirror({
      store,
      resource: resources.pods,
      schema: podSchema,
      onChange: (pod, _, previous) => this.#podChanged(pod, previous),
      onInvalid: (object, message) => this.#refuse(object, message),
    })
    const holder = { store, schema: dataHolderSchema }
    this.#secrets = new Mirror({
      ...holder,
      resource: resources.secrets,
      onChange: (_, key) => this.#dataChanged('secret', key),
    })
    this.#configMaps = new Mirror({
      ...holder,
      resource: resources.configMaps,
      onChange: (_, key) => this.#dataChanged('configMap', key),
    })
    this.#claims = new Mirror({
      store,
      resource: resources.persistentVolumeClaims,
      schema: claimSchema,
      onChange: () => this.#retryAll(),
    })
  }

  /** Ends what an earlier cluster left running, then takes up its pods. */
  async start(): Promise<void> {
    await this.#records.endRemnants(this.#options.clock)
    await this.#removeLeftovers()
    this.#keepAddresses()
    for (const mirror of [this.#secrets, this.#configMaps, this.#claims, this.#pods]) mirror.start()
  }

  /** Ends all containers, each within its grace period but at most this long. */
  async stop(graceMsMax: number): Promise<void> {
    for (const mirror of [this.#secrets, this.#configMaps, this.#claims, this.#pods]) mirror.stop()
    await Promise.all([...this.#workers.values()].map((worker) => worker.shutDown(graceMsMax)))
    await Promise.all(this.#removals)
  }

  /** The log's text in pieces; undefined when there is no such pod, container or run. */
  readLog(request: LogRequest): AsyncGenerator<string> | undefined {
    const pod = this.#pods.get(request.namespace, request.pod)
    const worker = pod && this.#workers.get(pod.metadata.uid)
    const unit = worker?.unit(request.container)
    if (pod === undefined || unit === undefined) return undefined
    const run = unit.runs - (request.previous === true ? 2 : 1)
    if (run < 0) return undefined
    if (request.previous !== true && unit.log !== undefined) return unit.log.read(request)
    return readLogFiles(this.#logPath(pod, unit.name, run), request)
  }

  /** Sends a signal to a container's first process, behind the back of everything: a fault. */
  signal(namespace: string, pod: string, signal: NodeJS.Signals, container?: string): boolean {
    const found = this.#pods.get(namespace, pod)
    const unit = found && this.#workers.get(found.metadata.uid)?.unit(container)
    if (unit?.pid === undefined) return false
    unit.signal(signal)
    return true
  }

  /** The first process of a container; undefined while it does not run. */
  pid(namespace: string, pod: string, container?: string): number | undefined {
    const found = this.#pods.get(namespace, pod)
    return found && this.#workers.get(found.metadata.uid)?.unit(container)?.pid
  }

  #podChanged(pod: Pod | undefined, previous: Pod | undefined): void {
    if (previous !== undefined && previous.metadata.uid !== pod?.metadata.uid) {
      this.#remove(previous)
    }
    if (pod === undefined || !this.#isMine(pod)) return
    const worker = this.#workers.get(pod.metadata.uid)
    if (worker !== undefined) worker.update(pod)
    else if (!hasFinished(pod)) this.#add(pod)
  }

  #isMine(pod: Pod): boolean {
    return pod.spec.nodeName !== undefined && this.#options.nodeNames.includes(pod.spec.nodeName)
  }

  #add(pod: Pod): void {
    const { store, clock, onError } = this.#options
    const { uid } = pod.metadata
    const podIP = this.#addresses.claim(uid, pod.status.podIP)
    const subject = { apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata }
    const worker = new PodWorker({
      pod,
      podIP,
      hostIP: HOST_IP,
      store,
      clock,
      records: this.#records,
      logPath: (container, run) => this.#logPath(pod, container, run),
      prepare: (current, container, id) => this.#prepare(current, podIP, container, id),
      onEvent: (text) => this.#events.record(subject, text),
      onError,
    })
    this.#workers.set(uid, worker)
    worker.step()
  }

  #remove(pod: Pod): void {
    const { uid } = pod.metadata
    const worker = this.#workers.get(uid)
    if (worker === undefined) return
    const removal = this.#removeWorker(uid, worker).catch(this.#options.onError)
    this.#removals.add(removal)
    void removal.then(() => this.#removals.delete(removal))
  }

  async #removeWorker(uid: string, worker: PodWorker): Promise<void> {
    await worker.remove()
    this.#workers.delete(uid)
    this.#volumeWork.delete(uid)
    this.#addresses.release(uid)
    await rm(join(this.#options.home, 'pods', uid), { recursive: true, force: true })
    await rm(join(this.#options.home, 'logs', uid), { recursive: true, force: true })
  }

  async #prepare(
    pod: Pod,
    podIP: string,
    container: Container,
    containerId: string,
  ): Promise<PreparedContainer> {
    const program = findProgram(this.#options.programs, container.image)
    if (program === undefined) {
      const { image } = container
      throw new UnknownImageError(
        `Container image "${image}" is not present with pull policy of Never: ` +
          'the embedded cluster runs only programs that it knows',
      )
    }
    const directory = join(this.#options.home, 'pods', pod.metadata.uid, 'work', container.name)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const mounts = buildMounts(container, await this.#prepareVolumes(pod))
    const sources = this.#environmentSources(pod, podIP)
    const command = buildCommand({
      container,
      program,
      sources,
      mounts,
      defaults: { PATH: this.#options.path, HOME: directory, HOSTNAME: pod.metadata.name },
      injected: {
        MINIREDIS_BIND: podIP,
        MINIREDIS_EXIT_ON_STDIN_EOF: '1',
        [containerIdVariable]: containerId,
      },
    })
    const translate = (word: string): string =>
      program.paths[word] ?? translateMounts(expand(word, command.env), mounts)
    const probeTarget = { container, podIP, env: command.env, directory, translate }
    return { command, directory, probeTarget }
  }

  /** One after the other for each pod, because they write the same files. */
  #prepareVolumes(pod: Pod): Promise<VolumeDirectories> {
    const { namespace, uid } = pod.metadata
    const sources = {
      secret: (name: string) => this.#secrets.get(namespace, name),
      configMap: (name: string) => this.#configMaps.get(namespace, name),
      claim: (name: string) => this.#claims.get(namespace, name),
      claimDirectory: this.#options.claimDirectory,
    }
    const directory = join(this.#options.home, 'pods', uid, 'volumes')
    const before = this.#volumeWork.get(uid) ?? Promise.resolve()
    const work = before.catch(() => undefined).then(() => prepareVolumes(pod, directory, sources))
    this.#volumeWork.set(uid, work)
    return work
  }

  #environmentSources(pod: Pod, podIP: string): EnvironmentSources {
    const { namespace } = pod.metadata
    return {
      pod,
      podIP,
      hostIP: HOST_IP,
      secret: (name) => this.#secrets.get(namespace, name),
      configMap: (name) => this.#configMaps.get(namespace, name),
    }
  }

  /** Files of running containers follow the object; containers that waited for it try again. */
  #dataChanged(kind: 'secret' | 'configMap', key: string): void {
    for (const worker of this.#workers.values()) {
      const { pod } = worker
      const keys = pod.spec.volumes.map((volume) =>
        kind === 'secret' ? volume.secret?.secretName : volume.configMap?.name,
      )
      const isMounted = keys.some((name) => `${pod.metadata.namespace}/${name}` === key)
      // Files that are missing now are reported when the container starts the next time.
      if (isMounted) void this.#prepareVolumes(pod).catch(() => undefined)
      worker.retryNow()
    }
  }

  #retryAll(): void {
    for (const worker of this.#workers.values()) worker.retryNow()
  }

  /** Such a pod cannot be run, and says so instead of waiting for ever. */
  #refuse(object: KubeObject, message: string): void {
    const { store, onError } = this.#options
    try {
      const status = { phase: 'Failed', reason: 'UnsupportedPod', message }
      store.update(resources.pods, { ...object, status }, { subresource: 'status' })
    } catch (error) {
      onError(error)
    }
  }

  #logPath(pod: Pod, container: string, run: number): string {
    return join(this.#options.home, 'logs', pod.metadata.uid, `${container}-${run}.log`)
  }

  /** Addresses that pods have are claimed before new ones are given out. */
  #keepAddresses(): void {
    for (const { metadata, status } of this.#listPods()) {
      if (status.podIP !== undefined) this.#addresses.claim(metadata.uid, status.podIP)
    }
  }

  async #removeLeftovers(): Promise<void> {
    const known = new Set(this.#listPods().map(({ metadata }) => metadata.uid))
    for (const kind of ['pods', 'logs']) {
      const directory = join(this.#options.home, kind)
      const names = await readdir(directory).catch(() => [])
      const left = names.filter((name) => !known.has(name))
      await Promise.all(
        left.map((name) => rm(join(directory, name), { recursive: true, force: true })),
      )
    }
  }

  #listPods(): readonly Pod[] {
    const { items } = this.#options.store.list(resources.pods)
    return items.flatMap((item) => podSchema.safeParse(item).data ?? [])
  }
}

/** It ended for good, before this kubelet knew it, and nobody wants it gone. */
function hasFinished({ metadata, status }: Pod): boolean {
  const isOver = status.phase === 'Succeeded' || status.phase === 'Failed'
  return isOver && metadata.deletionTimestamp === undefined
}
