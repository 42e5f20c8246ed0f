/** What people are told of a pool's steps: an event on the pool, a line in the log. */

import type { PoolOwner } from '../../builders/owned-metadata.ts'
import type { EventRecorder } from '../../kube/events.ts'
import type { Observed } from './observe.ts'
import type { PoolStep } from './plan.ts'
import type { PoolPorts } from './ports.ts'

export function announceStep(step: PoolStep, { pool, name }: Observed, ports: PoolPorts): void {
  const message = describeStep(step)
  if (message === undefined) return
  ports.log.info({ pool: name, step: step.kind }, message)
  if (pool !== undefined)
    ports.recorder.record(pool, { type: 'Normal', reason: reasonOf(step.kind), message })
}

const reasonOf = (kind: PoolStep['kind']): string =>
  `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`

function describeStep(step: PoolStep): string | undefined {
  switch (step.kind) {
    case 'createPod':
      return `Created pod ${step.member}.`
    case 'deletePod':
      return `Deleted pod ${step.pod.metadata.name}: ${step.why}.`
    case 'releasePod':
      return `Released pod ${step.pod.metadata.name}: ${step.proof}.`
    case 'issueCertificate':
      return step.isNew ? undefined : `Renewed the certificate of ${step.member}.`
    case 'removeMember':
      return `Removed member ${step.member} with its volume.`
    case 'giveUpTenants':
      return `Gave up the shards of ${step.tenantUids.length} deleted tenants.`
    case 'createVolume':
    case 'createService':
    case 'restoreService':
    case 'wipeShards':
    case 'link':
    case 'unlink':
    case 'wait':
      return undefined
  }
}

/** An event when orphans begin to be held, with the command that lets them go. */
export function announceOrphans(
  pool: PoolOwner,
  status: NonNullable<PoolOwner['status']>,
  recorder: EventRecorder,
): void {
  const held = (from: PoolOwner['status']) =>
    from?.conditions?.find(({ type, status }) => type === 'OrphansHeld' && status === 'True')
  const now = held(status)
  if (now === undefined || held(pool.status) !== undefined) return
  recorder.record(pool, { type: 'Warning', reason: now.reason, message: now.message })
}
