import assert from 'node:assert/strict'
import { runtimePoolSpecSchema, terminationProofFinalizer } from '@miniredis/crds'
import type { RuntimePool } from '../kube/resources.ts'
import {
  buildConnectionSecret,
  buildPassword,
  passwordIn,
  tenantIdOf,
} from './connection-secret.ts'
import { buildMemberVolume } from './member-volume.ts'
import type { PoolOwner, TenantOwner } from './owned-metadata.ts'
import { buildPoolService } from './pool-service.ts'
import { buildRuntimePod, templateHashOf } from './runtime-pod.ts'
import { authoritiesIn, buildAuthoritySecret } from './tls-secrets.ts'

const pool = (spec: object = {}): PoolOwner => ({
  apiVersion: 'miniredis.io/v1alpha1',
  kind: 'RuntimePool',
  metadata: { name: 'default', namespace: 'miniredis', uid: 'u', resourceVersion: '1' },
  spec: runtimePoolSpecSchema.parse(spec) as RuntimePool['spec'],
})
const pod = (spec: object = {}, defaultImage = 'miniredis:1') =>
  buildRuntimePod({ pool: pool(spec), member: 'default-0-1', defaultImage })

const tenant = {
  apiVersion: 'miniredis.io/v1alpha1',
  kind: 'TenantNode',
  metadata: { name: 'cache', namespace: 'team-a', uid: 'tenant', resourceVersion: '1' },
} as unknown as TenantOwner

describe('a runtime pod', () => {
  it('fits into PodSecurity restricted', () => {
    const { spec } = pod()
    const [container] = spec?.containers ?? []
    assert.equal(spec?.securityContext?.runAsNonRoot, true)
    assert.equal(spec?.securityContext?.seccompProfile?.type, 'RuntimeDefault')
    assert.deepEqual(container?.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    assert.equal(spec?.automountServiceAccountToken, false)
  })

  it('is held by the finalizer, and controlled by its pool', () => {
    const { finalizers, ownerReferences } = pod().metadata
    assert.deepEqual(finalizers, [terminationProofFinalizer])
    assert.equal(ownerReferences?.[0]?.controller, true)
  })

  it('spreads over zones where it can', () => {
    const constraints = pod().spec?.topologySpreadConstraints ?? []
    assert.ok(constraints.every(({ whenUnsatisfiable }) => whenUnsatisfiable === 'ScheduleAnyway'))
    assert.equal(constraints[0]?.topologyKey, 'topology.kubernetes.io/zone')
  })

  it('has another hash when anything of its template changes, and only then', () => {
    assert.equal(templateHashOf(pod()), templateHashOf(pod({ members: 7 })))
    const others = [
      pod({ image: 'miniredis:2' }),
      pod({}, 'miniredis:2'),
      pod({ imagePullPolicy: 'Always' }),
      pod({ resources: { limits: { memory: '2Gi' } } }),
    ]
    for (const other of others) assert.notEqual(templateHashOf(other), templateHashOf(pod()))
  })

  it('keeps its data on the volume of its name', () => {
    const claim = buildMemberVolume(pool({ storage: { size: '2Gi' } }), 'default-0-1')
    const names = pod().spec?.volumes?.flatMap(({ persistentVolumeClaim: c }) => c?.claimName ?? [])
    assert.deepEqual(names, [claim.metadata.name])
    assert.equal(claim.spec?.resources?.requests?.storage, '2Gi')
  })

  it('is found by the headless Service of its pool', () => {
    const { spec, metadata } = buildPoolService(pool())
    const found = pod().metadata.labels ?? {}
    for (const [label, value] of Object.entries(spec?.selector ?? {}))
      assert.equal(found[label], value)
    assert.equal(pod().spec?.subdomain, metadata.name)
  })
})

describe('a connection Secret', () => {
  const password = buildPassword('tenant', 'A'.repeat(32))

  it('gives its password back, if it can select the tenant', () => {
    const secret = buildConnectionSecret({ tenant, password })
    assert.equal(passwordIn(secret, 'tenant'), password)
    assert.equal(passwordIn(secret, 'another tenant'), undefined)
  })

  const unfit = ['', 'secret', `${tenantIdOf('tenant')}_short`, `${password}_more`, `${password}\n`]
  for (const text of unfit)
    it(`has no password in ${JSON.stringify(text.slice(0, 40))}`, () => {
      const secret = buildConnectionSecret({ tenant, password: text })
      assert.equal(passwordIn(secret, 'tenant'), undefined)
    })

  it('says where to connect only when that is known', () => {
    const keys = (secret: ReturnType<typeof buildConnectionSecret>) =>
      Object.keys(secret.data ?? {})
    assert.ok(!keys(buildConnectionSecret({ tenant, password })).includes('uri'))
    const endpoint = { host: 'h', port: 1 }
    assert.ok(keys(buildConnectionSecret({ tenant, password, endpoint })).includes('uri'))
  })
})

describe('the Secret of the authority', () => {
  it('keeps authorities in their order', () => {
    const pairs = ['old', 'new'].map((name) => ({ certificate: `${name} crt`, privateKey: name }))
    assert.deepEqual(authoritiesIn(buildAuthoritySecret('miniredis', pairs)), pairs)
  })
})
