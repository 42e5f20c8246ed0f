/**
 * Gives claims their volumes: a directory for each, made when the first pod of the claim has a node
 * (WaitForFirstConsumer). A claim that is deleted while a pod uses it stays until the pod is gone;
 * then the directory goes first and the claim after it, so that no data is ever left without an
 * object that names it.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { EventRecorder } from '../event-recorder.ts'
import { type Claim, claimSchema, type Pod, podSchema } from '../kinds.ts'
import { Mirror } from '../mirror.ts'
import { PendingKeys } from '../pending-keys.ts'
import { DEFAULT_STORAGE_CLASS } from '../registry/simple-strategies.ts'
import type { ApiStore } from '../store/api-store.ts'
import { resources } from '../store/resources.ts'
import { selectedNodeAnnotation } from './choice.ts'

export const protectionFinalizer = 'kubernetes.io/pvc-protection'

const writer = { fieldManager: 'volume-binder' }

export interface VolumeBinderOptions {
  readonly store: ApiStore
  readonly clock: Clock
  /** Where volumes live. */
  readonly directory: string
  readonly onError: (error: unknown) => void
}

export class VolumeBinder {
  readonly #options: VolumeBinderOptions
  readonly #claims: Mirror<Claim>
  readonly #pods: Mirror<Pod>
  readonly #pending: PendingKeys
  readonly #removing = new Set<string>()
  readonly #events: EventRecorder

  constructor(options: VolumeBinderOptions) {
    const { store, clock, onError } = options
    this.#options = options
    this.#events = new EventRecorder(store, 'volume-binder', clock)
    this.#pending = new PendingKeys((key) => this.#reconcile(key), onError)
    this.#claims = new Mirror({
      store,
      resource: resources.persistentVolumeClaims,
      schema: claimSchema,
      onChange: (claim, key) => {
        if (claim !== undefined) this.#pending.add(key)
      },
    })
    this.#pods = new Mirror({
      store,
      resource: resources.pods,
      schema: podSchema,
      onChange: (pod, _, previous) => this.#podChanged(pod, previous),
    })
  }

  start(): void {
    this.#pods.start()
    this.#claims.start()
  }

  stop(): void {
    this.#pods.stop()
    this.#claims.stop()
  }

  directoryOf({ metadata }: Claim): string {
    return join(this.#options.directory, volumeName(metadata.uid))
  }

  #podChanged(pod: Pod | undefined, previous: Pod | undefined): void {
    if (pod !== undefined) return
    for (const name of claimNames(previous)) {
      this.#pending.add(`${previous?.metadata.namespace}/${name}`)
    }
  }

  #reconcile(key: string): void {
    const [namespace = '', name = ''] = key.split('/')
    const stored = this.#options.store.find(resources.persistentVolumeClaims, { namespace, name })
    if (stored === undefined) return
    const claim = claimSchema.parse(stored)
    const className = claim.spec.storageClassName ?? DEFAULT_STORAGE_CLASS
    if (className !== DEFAULT_STORAGE_CLASS) this.#reportClass(claim, className)
    else if (claim.metadata.deletionTimestamp !== undefined) this.#letGo(claim)
    else this.#provide(claim)
  }

  #reportClass(claim: Claim, className: string): void {
    const message = `storageclass "${className}" not found: the embedded cluster has "${DEFAULT_STORAGE_CLASS}"`
    this.#record(claim, 'Warning', 'ProvisioningFailed', message)
    if (claim.metadata.deletionTimestamp !== undefined) this.#letGo(claim)
  }

  #provide(claim: Claim): void {
    const { finalizers = [], annotations } = claim.metadata
    if (!finalizers.includes(protectionFinalizer)) {
      this.#patch(claim, { metadata: { finalizers: [...finalizers, protectionFinalizer] } })
    }
    const node = annotations?.[selectedNodeAnnotation]
    if (claim.status.phase === 'Bound') {
      this.#resize(claim)
      return
    }
    if (node === undefined) {
      if (claim.status.phase === undefined)
        this.#patch(claim, { status: { phase: 'Pending' } }, true)
      return
    }
    void this.#makeVolume(claim).catch(this.#options.onError)
  }

  async #makeVolume(claim: Claim): Promise<void> {
    await mkdir(this.directoryOf(claim), { recursive: true, mode: 0o700 })
    this.#patch(claim, { spec: { volumeName: volumeName(claim.metadata.uid) } })
    const capacity = claim.spec.resources?.requests
    const accessModes = claim.spec.accessModes
    this.#patch(claim, { status: { phase: 'Bound', capacity, accessModes } }, true)
    const message = `Successfully provisioned volume ${volumeName(claim.metadata.uid)}`
    this.#record(claim, 'Normal', 'ProvisioningSucceeded', message)
  }

  /** A directory has the room that its file system has: only the number grows. */
  #resize(claim: Claim): void {
    const capacity = claim.spec.resources?.requests
    if (claim.status.capacity?.storage === capacity?.storage) return
    this.#patch(claim, { status: { capacity } }, true)
    this.#record(claim, 'Normal', 'FileSystemResizeSuccessful', 'The volume was resized.')
  }

  #letGo(claim: Claim): void {
    const { uid, namespace, name, finalizers = [] } = claim.metadata
    const isUsed = this.#pods
      .list()
      .some((pod) => pod.metadata.namespace === namespace && claimNames(pod).includes(name))
    if (isUsed || !finalizers.includes(protectionFinalizer) || this.#removing.has(uid)) return
    this.#removing.add(uid)
    void this.#removeVolume(claim)
      .catch(this.#options.onError)
      .finally(() => this.#removing.delete(uid))
  }

  async #removeVolume(claim: Claim): Promise<void> {
    await rm(this.directoryOf(claim), { recursive: true, force: true })
    const finalizers = (claim.metadata.finalizers ?? []).filter(
      (finalizer) => finalizer !== protectionFinalizer,
    )
    this.#patch(claim, { metadata: { finalizers } })
  }

  #patch({ metadata: { namespace, name, uid } }: Claim, body: object, isStatus = false): void {
    const { store } = this.#options
    const current = store.find(resources.persistentVolumeClaims, { namespace, name })
    if (current?.metadata.uid !== uid) return
    const options = isStatus ? ({ ...writer, subresource: 'status' } as const) : writer
    const key = { namespace, name }
    store.patch(
      resources.persistentVolumeClaims,
      key,
      { kind: 'merge', body: plain(body) },
      options,
    )
  }

  #record({ metadata }: Claim, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const subject = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata }
    this.#events.record(subject, { type, reason, message })
  }
}

const volumeName = (uid: string): string => `pvc-${uid}`

const claimNames = (pod: Pod | undefined): readonly string[] =>
  (pod?.spec.volumes ?? []).flatMap(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
  )

const plain = (value: object): unknown => JSON.parse(JSON.stringify(value))
