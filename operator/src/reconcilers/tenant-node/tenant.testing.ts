/** Observations that read as sentences: `tenant('cache').placedOn('default-0-1').served()`. */
import {
  assignmentDigest,
  healthyStorage,
  type ShardRecord,
  type TenantNodeSpec,
  tenantNodeSpecSchema,
} from '@miniredis/crds'
import { buildAssignment } from '../../builders/assignment.ts'
import { buildConnectionSecret, buildPassword } from '../../builders/connection-secret.ts'
import { buildTenantEndpointSlice } from '../../builders/tenant-endpoint-slice.ts'
import { buildTenantService } from '../../builders/tenant-service.ts'
import type { KubeObject, Stored } from '../../kube/object.ts'
import type { Pod, RuntimePool, TenantNode } from '../../kube/resources.ts'
import type { MemberReport } from '../../runtime-client/member-report.ts'
import type { MemberView } from '../members.ts'
import type { Child, Observed } from './observe.ts'
import { endpointOf, endpointPod } from './standing.ts'

export const nowMs = Date.UTC(2030, 0, 1)
const longAgo = '2029-01-01T00:00:00Z'
const password = buildPassword('uid-cache', 'x'.repeat(32))

const stored = <T extends KubeObject>(
  object: T,
  uid: string = object.metadata.name,
): Stored<T> => ({
  ...object,
  metadata: { uid, resourceVersion: '1', ...object.metadata },
})

const ours = <T extends KubeObject>(object: T): Child<T> => ({
  kind: 'ours',
  object: stored(object),
})

const podOf = (name: string, isReady: boolean): Stored<Pod> =>
  stored(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'miniredis', creationTimestamp: longAgo },
      status: {
        podIP: '10.0.0.1',
        conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
      },
    } as unknown as Pod,
    `pod of ${name}`,
  )

const reportOf = (member: string, held: MemberReport['held']): MemberReport => ({
  member,
  podUid: `pod of ${member}`,
  connected: true,
  suspected: false,
  volumeNonce: `volume of ${member}`,
  engine: { phase: 'running', bootNonce: 'boot', progress: 1, restarts: 0 },
  held,
  usage: new Map(),
  storage: healthyStorage,
  exits: [],
  lastAnswerMs: nowMs,
  failure: undefined,
})

const memberOf = (name: string): MemberView => ({
  name,
  pod: podOf(name, true),
  zone: undefined,
  report: reportOf(name, new Map()),
})

const poolOf = (members: number): Stored<RuntimePool> =>
  stored({
    apiVersion: 'miniredis.io/v1alpha1',
    kind: 'RuntimePool',
    metadata: { name: 'default', namespace: 'miniredis', creationTimestamp: longAgo },
    spec: { members },
  } as RuntimePool)

/** A new tenant beside a pool of three members that are up. */
export function tenant(name: string, endpoint: Partial<TenantNodeSpec['endpoint']> = {}) {
  const object: Stored<TenantNode> = stored(
    {
      apiVersion: 'miniredis.io/v1alpha1',
      kind: 'TenantNode',
      metadata: { name, namespace: 'team-a', generation: 1 },
      spec: tenantNodeSpecSchema.parse({ endpoint }),
    },
    `uid-${name}`,
  )
  return new Sentence({
    tenant: object,
    invalid: undefined,
    operatorNamespace: 'miniredis',
    pool: poolOf(3),
    shards: [],
    retained: [],
    members: ['default-0-1', 'default-1-1', 'default-2-1'].map(memberOf),
    children: { secret: absent, service: absent, slice: absent },
  })
}

const absent = { kind: 'absent' } as const

export class Sentence {
  readonly observed: Observed

  constructor(observed: Observed) {
    this.observed = observed
  }

  #with(change: Partial<Observed>): Sentence {
    return new Sentence({ ...this.observed, ...change })
  }

  withoutPool(): Sentence {
    return this.#with({ pool: undefined, members: [] })
  }

  withoutReadyMembers(): Sentence {
    const members = this.observed.members.map(({ name }) => ({
      ...memberOf(name),
      pod: podOf(name, false),
      report: undefined,
    }))
    return this.#with({ members })
  }

  deleted(): Sentence {
    const { metadata } = this.observed.tenant
    const deletionTimestamp = '2030-01-01T00:00:00Z'
    return this.#with({
      tenant: { ...this.observed.tenant, metadata: { ...metadata, deletionTimestamp } },
    })
  }

  withSecret(): Sentence {
    const { children, tenant: object } = this.observed
    const endpoint = endpointOf(this.observed)
    const secret = ours(buildConnectionSecret({ tenant: object, password, endpoint }))
    return this.#with({ children: { ...children, secret } })
  }

  withService(): Sentence {
    const { children, tenant: object } = this.observed
    return this.#with({ children: { ...children, service: ours(buildTenantService(object)) } })
  }

  withForeignService(): Sentence {
    return this.#with({ children: { ...this.observed.children, service: { kind: 'foreign' } } })
  }

  withSlice(): Sentence {
    const { children, tenant: object } = this.observed
    const pod = endpointPod(this.observed)
    const slice = ours(buildTenantEndpointSlice({ tenant: object, pod }))
    return this.#with({ children: { ...children, slice } })
  }

  placedOn(member: string, more: Partial<ShardRecord> = {}): Sentence {
    const { uid, name } = this.observed.tenant.metadata
    const record: ShardRecord = {
      tenantUid: uid,
      tenantNamespace: 'team-a',
      tenantName: name,
      shard: 0,
      firstSlot: 0,
      lastSlot: 16_383,
      epoch: 1,
      phase: 'Serving',
      primary: { member, incarnation: { podUid: `pod of ${member}`, bootNonce: 'boot' } },
      configuration: { version: 1, copies: [{ member, volumeNonce: `volume of ${member}` }] },
      ...more,
    }
    return this.#with({ shards: [record] })
  }

  /** The member holds what it was told last. */
  confirmed(): Sentence {
    const [record] = this.observed.shards
    if (record === undefined) return this
    const { tenantUid, shard, epoch } = record
    const assignment = buildAssignment({ tenant: this.observed.tenant, record, password })
    const held = { tenantUid, shard, epoch, digest: assignmentDigest(assignment), retained: false }
    return this.#withMember(record.primary.member, (view) => ({
      ...view,
      report: reportOf(view.name, new Map([[`${tenantUid}/${shard}`, held]])),
    }))
  }

  linkDown(): Sentence {
    const [record] = this.observed.shards
    return this.#withMember(record?.primary.member, (view) => ({ ...view, report: undefined }))
  }

  podNotReady(): Sentence {
    const [record] = this.observed.shards
    return this.#withMember(record?.primary.member, (view) => ({
      ...view,
      pod: podOf(view.name, false),
    }))
  }

  /** Everything is as it should be. */
  served(): Sentence {
    return this.withService().withSecret().confirmed().withSlice()
  }

  #withMember(name: string | undefined, change: (view: MemberView) => MemberView): Sentence {
    const { members } = this.observed
    return this.#with({
      members: members.map((view) => (view.name === name ? change(view) : view)),
    })
  }
}
