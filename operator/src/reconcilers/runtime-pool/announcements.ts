/** What people are told of a pool's steps: an event on the pool, a line in the log. */
import type { EventReason } from '@miniredis/crds'
import type { PoolOwner } from '../../builders/owned-metadata.ts'
import type { EventRecorder } from '../../kube/events.ts'
import type { Stored } from '../../kube/object.ts'
import type { Pod } from '../../kube/resources.ts'
import type { Observed } from './observe.ts'
import type { PoolStep } from './plan.ts'
import type { PoolPorts } from './ports.ts'

export function announceStep(step: PoolStep, { pool, name }: Observed, ports: PoolPorts): void {
  const news = describeStep(step)
  if (news === undefined) return
  ports.log.info({ pool: name, ...news }, 'carried out a step')
  if (pool !== undefined) ports.recorder.record(pool, { type: 'Normal', ...news })
}

interface StepNews {
  readonly reason: EventReason
  readonly message: string
}

function describeStep(step: PoolStep): StepNews | undefined {
  switch (step.kind) {
    case 'createPod':
      return { reason: 'PodCreated', message: `Created pod ${step.member}.` }
    case 'deletePod':
      return { reason: 'PodDeleted', message: `Deleted pod ${nameOf(step)}: ${step.why}.` }
    case 'releasePod':
      return { reason: 'PodReleased', message: `Released pod ${nameOf(step)}: ${step.proof}.` }
    case 'issueCertificate':
      return step.isNew
        ? undefined
        : { reason: 'CertificateRenewed', message: `Renewed the certificate of ${step.member}.` }
    case 'removeMember':
      return { reason: 'MemberRemoved', message: `Removed ${step.member} with its volume.` }
    case 'giveUpTenants': {
      const { length } = step.tenantUids
      return { reason: 'TenantsGivenUp', message: `Gave up ${length} deleted tenants.` }
    }
    case 'expandVolume':
      return {
        reason: 'VolumeExpanded',
        message: `Expanded the volume of ${step.member} to ${step.size}.`,
      }
    case 'retainTenants': {
      const uids = step.tenantUids.join(', ')
      return { reason: 'DataRetained', message: `Kept the data of the deleted tenants ${uids}.` }
    }
    case 'removeRetained': {
      const uids = step.tenantUids.join(', ')
      const message = `Gave up the kept data of the deleted tenants ${uids}.`
      return { reason: 'RetainedDataRemoved', message }
    }
    case 'closeShards':
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

const nameOf = ({ pod }: { readonly pod: Stored<Pod> }): string => pod.metadata.name

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
