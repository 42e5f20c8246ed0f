/** What a DELETE means for one object: pure, from the object and the options. */

import { timestamp } from '../clock.ts'
import { peek, text } from '../registry/draft.ts'
import { conflict, forbidden } from './api-error.ts'
import type { DeleteOptions } from './api-store.ts'
import type { KubeObject, ObjectMeta } from './kube-object.ts'
import { resources } from './resources.ts'

export const FOREGROUND = 'foregroundDeletion'
export const ORPHAN = 'orphan'

/** Namespaces that exist from the start and cannot be deleted. */
export const initialNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

export type Deletion =
  | { readonly kind: 'remove' }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'mark'; readonly metadata: ObjectMeta }

const GRACE_DEFAULT_SECONDS = 30

export function planDeletion(object: KubeObject, options: DeleteOptions, nowMs: number): Deletion {
  checkPreconditions(object, options)
  if (object.kind === 'Namespace' && initialNamespaces.includes(object.metadata.name))
    throw forbidden(resources.namespaces, object.metadata.name, 'this namespace may not be deleted')
  const finalizers = finalizersAfter(object.metadata.finalizers ?? [], options)
  const grace = object.kind === 'Pod' ? podGrace(object, options.gracePeriodSeconds) : 0
  const isHeld = finalizers.length > 0 || object.kind === 'Namespace'
  if (!isHeld && grace === 0) return { kind: 'remove' }
  const marked = mark(object, finalizers, grace, nowMs)
  return marked === undefined ? { kind: 'nothing' } : { kind: 'mark', metadata: marked }
}

/** Whether an object that is being deleted has nothing left that holds it. */
export function isReleased({ kind, metadata }: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = metadata
  return (
    deletionTimestamp !== undefined &&
    finalizers.length === 0 &&
    deletionGracePeriodSeconds === 0 &&
    kind !== 'Namespace'
  )
}

function checkPreconditions({ apiVersion, kind, metadata }: KubeObject, options: DeleteOptions) {
  const { uid, resourceVersion } = options.preconditions ?? {}
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : ''
  // by its kind where every other conflict names the resource
  const refuse = (why: string) => conflict({ group, version: '', plural: kind }, metadata.name, why)
  if (uid !== undefined && uid !== metadata.uid)
    throw refuse(
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    )
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    throw refuse(
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    )
}

function finalizersAfter(present: readonly string[], { propagationPolicy }: DeleteOptions) {
  const others = present.filter((one) => one !== FOREGROUND && one !== ORPHAN)
  if (propagationPolicy === 'Foreground') return [...others, FOREGROUND]
  if (propagationPolicy === 'Orphan') return [...others, ORPHAN]
  return propagationPolicy === 'Background' ? others : [...present]
}

/** Seconds that a kubelet gets; none when no kubelet runs the Pod. */
function podGrace(pod: KubeObject, wanted: number | undefined): number {
  const spec = peek(pod, 'spec')
  const phase = text(peek(pod, 'status').phase)
  if (text(spec.nodeName) === '' || phase === 'Succeeded' || phase === 'Failed') return 0
  const seconds = wanted ?? Number(spec.terminationGracePeriodSeconds ?? GRACE_DEFAULT_SECONDS)
  const already = pod.metadata.deletionGracePeriodSeconds
  // a second DELETE may shorten the wait, never lengthen it
  return Math.max(0, already === undefined ? seconds : Math.min(already, seconds))
}

function mark(
  { metadata }: KubeObject,
  finalizers: readonly string[],
  graceSeconds: number,
  nowMs: number,
): ObjectMeta | undefined {
  const isMarked = metadata.deletionTimestamp !== undefined
  const isSame =
    isMarked &&
    metadata.deletionGracePeriodSeconds === graceSeconds &&
    String(metadata.finalizers ?? []) === String(finalizers)
  if (isSame) return undefined
  const isSameGrace = isMarked && graceSeconds === (metadata.deletionGracePeriodSeconds ?? 0)
  return {
    ...metadata,
    ...(metadata.generation !== undefined && !isMarked && { generation: metadata.generation + 1 }),
    deletionTimestamp:
      isSameGrace && metadata.deletionTimestamp !== undefined
        ? metadata.deletionTimestamp
        : timestamp(nowMs + graceSeconds * 1_000),
    deletionGracePeriodSeconds: graceSeconds,
    ...(finalizers.length > 0 || metadata.finalizers !== undefined ? { finalizers } : {}),
  }
}
