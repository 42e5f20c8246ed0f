import assert from 'node:assert/strict'
import { annotations } from '@miniredis/crds'
import { KubeError } from '../kube/errors.ts'
import type { ResourceType } from '../kube/object.ts'
import {
  customResourceDefinitions,
  endpointSlices,
  nodes,
  persistentVolumeClaims,
  pods,
  runtimePools,
  secrets,
  services,
  shardMaps,
  type TenantNode,
  tenantNodes,
} from '../kube/resources.ts'
import { OPERATOR_NAMESPACE, settledWorld, TENANT_NAMESPACE, World } from '../testing/world.ts'
import { ORPHAN_SETTLE_MS } from './runtime-pool/orphans.ts'

const readyOf = (tenant: TenantNode | undefined) => {
  const ready = tenant?.status?.conditions?.find(({ type }) => type === 'Ready')
  return `${ready?.status} ${ready?.reason}`
}
const poolCondition = (world: World, wanted: string) =>
  world
    .find(runtimePools, OPERATOR_NAMESPACE, 'default')
    ?.status?.conditions?.find(({ type }) => type === wanted)
const decode = (data: Readonly<Record<string, string>> | undefined) =>
  Object.fromEntries(
    Object.entries(data ?? {}).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]),
  )
const memberOf = (world: World, name: string): string =>
  world.tenant(name)?.status?.shards?.[0]?.primary ?? 'none'

describe('a tenant', () => {
  it('is served: member, Secret, Service, EndpointSlice and status agree', async () => {
    const world = await settledWorld('cache')
    const tenant = world.tenant('cache')
    const member = memberOf(world, 'cache')
    assert.equal(tenant?.status?.phase, 'Ready')
    assert.deepEqual(tenant?.status?.shards, [
      { index: 0, slots: '0-16383', epoch: 1, primary: member, replicas: [], phase: 'Serving' },
    ])
    assert.equal(world.members.holds(member).length, 1)
    const secret = world.find(secrets, TENANT_NAMESPACE, 'cache-connection')
    const { username, password, host, port, uri, tls } = decode(secret?.data)
    assert.deepEqual(
      [username, host, port, tls],
      ['cache.team-a', 'cache.team-a.svc', '6379', 'false'],
    )
    assert.match(password ?? '', /^[0-9a-f]{16}_[0-9A-Za-z]{32}$/)
    assert.equal(uri, `redis://cache.team-a:${password}@cache.team-a.svc:6379`)
    const [endpoint] = world.find(endpointSlices, TENANT_NAMESPACE, 'cache')?.endpoints ?? []
    assert.equal(endpoint?.targetRef?.name, member)
    assert.equal(endpoint?.targetRef?.namespace, OPERATOR_NAMESPACE)
  })

  it('settled causes no writes, not even to a new leader', async () => {
    const world = await settledWorld('cache', 'queue')
    assert.deepEqual(await world.writesOf(() => world.reconcileAll()), [])
    world.restartOperator()
    assert.deepEqual(await world.writesOf(() => world.reconcileAll()), [])
  })

  const children: readonly [ResourceType, string, object][] = [
    [secrets, 'cache-connection', { data: { host: null, uri: 'eA==' } }],
    [secrets, 'cache-connection', { data: { password: 'bm9uc2Vuc2U=' } }],
    [services, 'cache', { spec: { ports: [{ name: 'other', port: 1, targetPort: 1 }] } }],
    [services, 'cache', { metadata: { labels: null } }],
    [endpointSlices, 'cache', { endpoints: [] }],
    [endpointSlices, 'cache', { metadata: { labels: { 'kubernetes.io/service-name': 'x' } } }],
  ]
  for (const [type, name, change] of children)
    it(`gets its ${type.kind} back after ${JSON.stringify(change)}`, async () => {
      const world = await settledWorld('cache')
      const before = world.find(type, TENANT_NAMESPACE, name)
      world.patch(type, TENANT_NAMESPACE, name, change)
      await world.reconcileAll()
      const { metadata: _, ...after } = world.find(type, TENANT_NAMESPACE, name) ?? {}
      const { metadata, ...rest } = before ?? {}
      if (!('password' in (('data' in change && (change.data as object)) || {})))
        assert.deepEqual(after, rest)
      assert.deepEqual(world.find(type, TENANT_NAMESPACE, name)?.metadata.labels, metadata?.labels)
      await world.settle()
      assert.deepEqual(await world.writesOf(() => world.reconcileAll()), [])
    })

  for (const [type, name] of children)
    it(`gets its deleted ${type.kind} back`, async () => {
      const world = await settledWorld('cache')
      world.delete(type, TENANT_NAMESPACE, name)
      await world.reconcileAll()
      assert.ok(world.find(type, TENANT_NAMESPACE, name))
      await world.settle()
      assert.equal(readyOf(world.tenant('cache')), 'True Serving')
    })

  it('takes new limits without being away', async () => {
    const world = await settledWorld('cache')
    world.patch(tenantNodes, TENANT_NAMESPACE, 'cache', { spec: { memory: { limit: '128Mi' } } })
    await world.reconcileAll()
    assert.equal(world.members.taken.at(-1)?.memoryLimitBytes, 128 * 2 ** 20)
    assert.equal(readyOf(world.tenant('cache')), 'True Serving')
    assert.equal(world.members.taken.length, 2)
  })

  it('stays on its member, and in its epoch, when the pod is replaced', async () => {
    const world = await settledWorld('cache')
    const member = memberOf(world, 'cache')
    const [before] = world.records
    world.delete(pods, OPERATOR_NAMESPACE, member)
    await world.reconcileAll()
    assert.equal(readyOf(world.tenant('cache')), 'False MemberNotReady')
    assert.equal(world.tenant('cache')?.status?.phase, 'Unavailable')
    assert.deepEqual(world.find(endpointSlices, TENANT_NAMESPACE, 'cache')?.endpoints ?? [], [])
    await world.settle()
    const [after] = world.records
    assert.equal(readyOf(world.tenant('cache')), 'True Serving')
    assert.deepEqual([after?.epoch, after?.primary.member], [1, member])
    assert.notEqual(after?.primary.incarnation?.podUid, before?.primary.incarnation?.podUid)
    assert.deepEqual(after?.configuration, before?.configuration)
  })

  it('begins a new epoch when its volume was emptied, and says so', async () => {
    const world = await settledWorld('cache')
    const member = memberOf(world, 'cache')
    world.startPod(member, { volumeNonce: 'another volume' })
    await world.settle()
    const [record] = world.records
    assert.deepEqual([record?.epoch, record?.configuration.version], [2, 2])
    assert.equal(record?.configuration.copies[0]?.volumeNonce, 'another volume')
    assert.equal(world.members.taken.at(-1)?.epoch, 2)
    assert.ok(world.events.some(({ reason }) => reason === 'CopyLost'))
    assert.equal(readyOf(world.tenant('cache')), 'True Serving')
  })

  it('goes on above an epoch that only the member has seen', async () => {
    const world = await settledWorld('cache')
    const [held] = world.members.holds(memberOf(world, 'cache'))
    assert.ok(held)
    world.members.put(memberOf(world, 'cache'), { ...held, epoch: 7, digest: 'other' })
    await world.settle()
    assert.equal(world.records[0]?.epoch, 8)
    assert.equal(readyOf(world.tenant('cache')), 'True Serving')
  })

  it('finds its member again when its record was lost', async () => {
    const world = await settledWorld('cache', 'queue', 'sessions')
    const before = memberOf(world, 'queue')
    world.delete(shardMaps, OPERATOR_NAMESPACE, 'default-0')
    await world.settle()
    assert.equal(memberOf(world, 'queue'), before)
    assert.deepEqual(new Set(world.records.map(({ epoch }) => epoch)), new Set([2]))
  })

  it('keeps its status while only the link to its member is down', async () => {
    const world = await settledWorld('cache')
    world.members.die(memberOf(world, 'cache'))
    assert.deepEqual(
      (await world.writesOf(() => world.reconcileAll())).filter((write) => !write.includes('Pool')),
      [],
    )
    assert.equal(readyOf(world.tenant('cache')), 'True Serving')
  })

  it('waits for a member that refuses, and tells why', async () => {
    const world = new World()
    world.createPool({ members: 1 })
    await world.settle()
    const refusal = { kind: 'refused', code: 'StorageFailed', message: 'disk full' } as const
    world.members.refusals.set('default-0-1', refusal)
    world.createTenant('cache')
    await world.reconcileAll()
    const ready = world.tenant('cache')?.status?.conditions?.[0]
    assert.equal(ready?.reason, 'AssignmentPending')
    assert.match(ready?.message ?? '', /StorageFailed: disk full/)
    assert.equal(world.outcomes.get('team-a/cache')?.kind, 'after')
    world.members.refusals.clear()
    await world.settle()
    assert.equal(readyOf(world.tenant('cache')), 'True Serving')
  })

  it('says that its pool is missing, and is served once it is there', async () => {
    const world = new World()
    world.createTenant('cache', { pool: 'big' })
    await world.settle()
    assert.equal(readyOf(world.tenant('cache')), 'False PoolMissing')
    assert.equal(world.tenant('cache')?.status?.phase, 'Pending')
    world.createPool({ members: 1 }, 'big')
    await world.settle()
    assert.equal(memberOf(world, 'cache'), 'big-0-1')
  })

  it('is not placed on members that have failed to start for long', async () => {
    const world = new World()
    world.stuck.add('default-0-1')
    world.createPool({ members: 1 })
    await world.clock.advance(120_000)
    world.createTenant('cache')
    await world.settle()
    assert.equal(readyOf(world.tenant('cache')), 'False NoCapacity')
    world.stuck.clear()
    await world.settle()
    assert.equal(readyOf(world.tenant('cache')), 'True Serving')
  })

  it('leaves a foreign object of its name alone', async () => {
    const world = new World()
    world.createPool({ members: 1 })
    const metadata = { name: 'cache', namespace: TENANT_NAMESPACE }
    const spec = { ports: [{ port: 80 }], selector: { app: 'web' } }
    world.put(services, { apiVersion: 'v1', kind: 'Service', metadata, spec })
    world.createTenant('cache')
    await world.reconcileAll()
    await world.reconcileAll()
    assert.equal(readyOf(world.tenant('cache')), 'False NameConflict')
    assert.equal(world.tenant('cache')?.status?.phase, 'Failed')
    assert.equal(world.find(services, TENANT_NAMESPACE, 'cache')?.spec?.ports?.[0]?.port, 80)
  })
})

describe('the endpoint of a tenant', () => {
  const addressOf = (world: World) => world.tenant('cache')?.status?.endpoint?.address

  it('follows the load balancer, with the port that it says', async () => {
    const world = await settledWorld()
    world.createTenant('cache', { endpoint: { type: 'LoadBalancer' } })
    await world.settle()
    assert.equal(readyOf(world.tenant('cache')), 'False EndpointPending')
    const ingress = [{ ip: '127.0.0.1', ports: [{ port: 6001, protocol: 'TCP' }] }]
    world.patch(
      services,
      TENANT_NAMESPACE,
      'cache',
      { status: { loadBalancer: { ingress } } },
      'status',
    )
    await world.settle()
    assert.equal(addressOf(world), '127.0.0.1:6001')
    const secret = world.find(secrets, TENANT_NAMESPACE, 'cache-connection')
    assert.equal(decode(secret?.data).port, '6001')
  })

  it('takes another port, without keeping the old one', async () => {
    const world = await settledWorld('cache')
    const spec = { endpoint: { port: 7000 } }
    world.patch(tenantNodes, TENANT_NAMESPACE, 'cache', { spec })
    await world.settle()
    const service = world.find(services, TENANT_NAMESPACE, 'cache')
    assert.deepEqual(
      service?.spec?.ports?.map(({ port }) => port),
      [7000],
    )
    assert.equal(addressOf(world), 'cache.team-a.svc:7000')
  })

  it('is the node of the pod when the type is NodePort, and changes with the type', async () => {
    const world = await settledWorld('cache')
    assert.equal(addressOf(world), 'cache.team-a.svc:6379')
    const spec = { endpoint: { type: 'NodePort' } }
    world.patch(tenantNodes, TENANT_NAMESPACE, 'cache', { spec })
    const ports = [{ name: 'redis', port: 6379, nodePort: 30_001, targetPort: 6379 }]
    await world.settle()
    world.patch(services, TENANT_NAMESPACE, 'cache', { spec: { ports } })
    await world.settle()
    assert.match(addressOf(world) ?? '', /^192\.168\.0\.\d:30001$/)
    world.patch(tenantNodes, TENANT_NAMESPACE, 'cache', {
      spec: { endpoint: { type: 'ClusterIP' } },
    })
    await world.settle()
    assert.equal(addressOf(world), 'cache.team-a.svc:6379')
  })
})

describe('deleted tenants', () => {
  const names = Array.from({ length: 20 }, (_, index) => `t${index}`)
  const heldTenants = (world: World) => world.records.map(({ tenantName }) => tenantName).sort()

  async function settleOrphans(world: World): Promise<void> {
    await world.settle()
    await world.clock.advance(ORPHAN_SETTLE_MS)
    await world.settle()
  }

  it('leave nothing', async () => {
    const world = await settledWorld('cache', 'queue')
    const member = memberOf(world, 'cache')
    world.delete(tenantNodes, TENANT_NAMESPACE, 'cache')
    await settleOrphans(world)
    assert.deepEqual(heldTenants(world), ['queue'])
    const uids = world.members.holds(member).map(({ tenantUid }) => tenantUid)
    assert.ok(!uids.includes('cache'))
    for (const type of [secrets, services, endpointSlices])
      assert.deepEqual(
        world.all(type).filter(({ metadata }) => metadata.name.startsWith('cache')),
        [],
      )
    assert.deepEqual(await world.writesOf(() => world.reconcileAll()), [])
  })

  it('wait for a member that is down, and are forgotten when it is back', async () => {
    const world = await settledWorld('cache')
    const member = memberOf(world, 'cache')
    world.members.die(member)
    world.delete(tenantNodes, TENANT_NAMESPACE, 'cache')
    await settleOrphans(world)
    assert.deepEqual(
      world.records.map(({ phase }) => phase),
      ['Removing'],
    )
    world.startPod(member)
    await world.settle()
    assert.deepEqual(heldTenants(world), [])
    assert.deepEqual(world.members.holds(member), [])
  })

  it('are kept when many vanish at once, until a person accepts exactly that', async () => {
    const world = await settledWorld(...names)
    for (const name of names.slice(0, 11)) world.delete(tenantNodes, TENANT_NAMESPACE, name)
    await settleOrphans(world)
    assert.equal(heldTenants(world).length, 20)
    const held = poolCondition(world, 'OrphansHeld')
    assert.equal(`${held?.status} ${held?.reason}`, 'True TooManyVanished')
    assert.deepEqual(await world.writesOf(() => world.reconcileAll()), [])
    const word = /accept-orphan-removal=(\w+)/.exec(held?.message ?? '')?.[1] ?? ''
    const accept = (value: string) =>
      world.patch(runtimePools, OPERATOR_NAMESPACE, 'default', {
        metadata: { annotations: { [annotations.acceptOrphanRemoval]: value } },
      })
    accept('another')
    await settleOrphans(world)
    assert.equal(heldTenants(world).length, 20)
    accept(word)
    await settleOrphans(world)
    assert.deepEqual(heldTenants(world), names.slice(11).sort())
    assert.equal(poolCondition(world, 'OrphansHeld')?.status, 'False')
  })

  it('are removed when as many vanish as are no surprise', async () => {
    const world = await settledWorld(...names)
    for (const name of names.slice(0, 10)) world.delete(tenantNodes, TENANT_NAMESPACE, name)
    await settleOrphans(world)
    assert.equal(heldTenants(world).length, 10)
  })

  it('are kept when their definition is gone, or another one', async () => {
    const world = await settledWorld('cache', 'queue')
    const definition = world
      .all(customResourceDefinitions)
      .find(({ metadata }) => metadata.name === 'tenantnodes.miniredis.io')
    world.delete(customResourceDefinitions, undefined, 'tenantnodes.miniredis.io')
    world.refresh()
    await world.reconcilePools()
    await world.clock.advance(ORPHAN_SETTLE_MS)
    await world.reconcilePools()
    assert.match(poolCondition(world, 'OrphansHeld')?.message ?? '', /definition .* is gone/)
    assert.equal(heldTenants(world).length, 2)
    world.put(customResourceDefinitions, {
      apiVersion: definition?.apiVersion,
      kind: definition?.kind,
      metadata: { name: definition?.metadata.name },
      spec: definition?.spec,
    })
    world.createTenant('new')
    await settleOrphans(world)
    assert.match(poolCondition(world, 'OrphansHeld')?.message ?? '', /another one than before/)
    assert.deepEqual(heldTenants(world), ['cache', 'new', 'queue'])
    assert.equal(readyOf(world.tenant('new')), 'True Serving')
    const message = poolCondition(world, 'OrphansHeld')?.message ?? ''
    const word = /accept-orphan-removal=(\w+)/.exec(message)?.[1] ?? ''
    world.patch(runtimePools, OPERATOR_NAMESPACE, 'default', {
      metadata: { annotations: { [annotations.acceptOrphanRemoval]: word } },
    })
    const taken = () =>
      world.find(runtimePools, OPERATOR_NAMESPACE, 'default')?.status?.tenantDefinitionUid
    const before = taken()
    await world.reconcilePools()
    const after = taken()
    assert.notEqual(after, before)
    await world.reconcilePoolsOnOldCaches()
    assert.equal(taken(), after, 'an old cache brought the old definition back')
  })
})

describe('a pool', () => {
  const podNames = (world: World) => world.all(pods).map(({ metadata }) => metadata.name)

  it('says what it has', async () => {
    const world = await settledWorld('cache')
    const status = world.find(runtimePools, OPERATOR_NAMESPACE, 'default')?.status
    assert.deepEqual([status?.replicas, status?.readyReplicas, status?.tenants], [3, 3, 1])
    assert.deepEqual(
      status?.members?.map(({ name, zone, ready }) => [name, zone, ready]),
      [
        ['default-0-1', 'zone-a', true],
        ['default-1-1', 'zone-b', true],
        ['default-2-1', 'zone-c', true],
      ],
    )
    assert.deepEqual(world.members.linked, ['default-0-1', 'default-1-1', 'default-2-1'])
  })

  it('grows, and shrinks down to members that hold tenants', async () => {
    const world = await settledWorld('cache')
    const scale = (members: number) =>
      world.patch(runtimePools, OPERATOR_NAMESPACE, 'default', { spec: { members } })
    scale(5)
    await world.settle()
    assert.equal(podNames(world).length, 5)
    scale(1)
    await world.settle()
    const kept = [...new Set(['default-0-1', memberOf(world, 'cache')])].sort()
    assert.deepEqual(podNames(world), kept)
    for (const type of [persistentVolumeClaims, pods] as readonly ResourceType[])
      assert.equal(world.all(type).length, kept.length)
    assert.deepEqual(world.members.linked, kept)
    if (kept.length > 1) assert.equal(poolCondition(world, 'Stalled')?.reason, 'ScaleDownBlocked')
    assert.equal(poolCondition(world, 'Ready')?.status, 'True')
  })

  const memberObjects: readonly [ResourceType, string][] = [
    [secrets, 'default-1-1-tls'],
    [secrets, 'miniredis-internal-ca'],
    [services, 'default-members'],
  ]
  for (const [type, name] of memberObjects)
    it(`gets its deleted ${type.kind} ${name} back`, async () => {
      const world = await settledWorld()
      const before = world.find(type, OPERATOR_NAMESPACE, name) as { data?: object } | undefined
      world.delete(type, OPERATOR_NAMESPACE, name)
      await world.settle()
      const after = world.find(type, OPERATOR_NAMESPACE, name) as { data?: object } | undefined
      assert.ok(after)
      if (name === 'miniredis-internal-ca') assert.deepEqual(after.data, before?.data)
      assert.deepEqual(await world.writesOf(() => world.reconcileAll()), [])
    })

  it('issues a certificate anew at two thirds of its life, or when it is damaged', async () => {
    const world = await settledWorld()
    const crt = (name: string) => world.find(secrets, OPERATOR_NAMESPACE, name)?.data?.['tls.crt']
    const before = crt('default-0-1-tls')
    world.patch(secrets, OPERATOR_NAMESPACE, 'default-0-1-tls', { data: { 'tls.key': 'eA==' } })
    await world.settle()
    assert.notEqual(crt('default-0-1-tls'), before)
    const young = crt('default-1-1-tls')
    await world.clock.advance(19 * 86_400_000)
    await world.settle()
    assert.equal(crt('default-1-1-tls'), young)
    await world.clock.advance(2 * 86_400_000)
    await world.settle()
    assert.notEqual(crt('default-1-1-tls'), young)
  })

  it('replaces its pods one at a time when the template changes', async () => {
    const world = await settledWorld('cache', 'queue', 'sessions')
    world.patch(runtimePools, OPERATOR_NAMESPACE, 'default', { spec: { image: 'miniredis:2' } })
    let fewest = 3
    for (let pass = 0; pass < 30; pass++) {
      await world.reconcileAll()
      const up = world.all(pods).filter(({ status }) => status?.phase === 'Running')
      const going = up.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
      fewest = Math.min(fewest, up.length - going.length)
      world.runKubelet()
    }
    assert.equal(fewest, 2)
    const images = world.all(pods).map(({ spec }) => spec?.containers[0]?.image)
    assert.deepEqual(images, ['miniredis:2', 'miniredis:2', 'miniredis:2'])
    assert.equal(readyOf(world.tenant('cache')), 'True Serving')
  })

  it('stops at the first pod of a template that does not work, and goes on with a better one', async () => {
    const world = await settledWorld()
    const image = (name: string) =>
      world.patch(runtimePools, OPERATOR_NAMESPACE, 'default', { spec: { image: name } })
    image('miniredis:bad')
    await world.reconcileAll()
    world.runKubelet()
    world.stuck.add('default-0-1')
    await world.settle()
    const images = () => world.all(pods).map(({ spec }) => spec?.containers[0]?.image)
    assert.deepEqual(images(), ['miniredis:bad', 'miniredis:test', 'miniredis:test'])
    world.stuck.clear()
    image('miniredis:good')
    await world.settle()
    assert.deepEqual(new Set(images()), new Set(['miniredis:good']))
  })

  it('keeps the name of a lost pod until its end is proven', async () => {
    const world = await settledWorld()
    const [before] = world.all(pods)
    world.stuck.add('default-0-1')
    world.delete(pods, OPERATOR_NAMESPACE, 'default-0-1')
    world.store.delete(
      { group: '', version: 'v1', plural: 'pods' },
      { namespace: OPERATOR_NAMESPACE, name: 'default-0-1' },
      { gracePeriodSeconds: 0 },
    )
    await world.settle()
    const still = world.find(pods, OPERATOR_NAMESPACE, 'default-0-1')
    assert.equal(still?.metadata.uid, before?.metadata.uid)
    const taints = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }]
    world.patch(nodes, undefined, 'node-a', { spec: { taints } })
    world.stuck.clear()
    await world.settle()
    assert.notEqual(
      world.find(pods, OPERATOR_NAMESPACE, 'default-0-1')?.metadata.uid,
      before?.metadata.uid,
    )
  })

  it('lets its pods go by proof when it is deleted, and leaves nothing', async () => {
    const world = await settledWorld('cache')
    world.delete(runtimePools, OPERATOR_NAMESPACE, 'default')
    await world.settle()
    for (const type of [pods, persistentVolumeClaims, shardMaps] as readonly ResourceType[])
      assert.deepEqual(world.all(type), [])
    assert.deepEqual(world.members.linked, [])
    assert.equal(readyOf(world.tenant('cache')), 'False PoolMissing')
    world.createPool()
    await world.settle()
    assert.equal(readyOf(world.tenant('cache')), 'True Serving')
  })

  it('writes few ShardMaps for two hundred tenants', async () => {
    const world = await settledWorld()
    for (let index = 0; index < 200; index++) world.createTenant(`t${index}`)
    const from = world.kube.lists.length
    const writes = await world.writesOf(() => world.reconcileAll())
    const lists = world.kube.lists.slice(from).filter((kind) => kind === 'ShardMap').length
    const maps = writes.filter((write) => write.includes('ShardMap')).length
    assert.ok(lists < 20 && maps < 20, `${lists} lists, ${maps} writes`)
    assert.equal(world.records.length, 200)
    assert.deepEqual(
      world.all(shardMaps).map(({ spec }) => spec.shards.length),
      [128, 72],
    )
    assert.ok(world.all(tenantNodes).every((tenant) => readyOf(tenant) === 'True Serving'))
  })
})

describe('an API that fails', () => {
  const build = () => {
    const world = new World()
    world.createPool({ members: 1 })
    world.createTenant('cache')
    return world
  }
  const broken = () => new KubeError('Unavailable', 'broken by the test')

  /** Breaks the request of that number. @returns whether there was one */
  async function settleBreaking(number: number, hook: 'interfere' | 'loseAnswer') {
    const world = build()
    let requests = 0
    world.kube[hook] = () => {
      if (++requests === number) throw broken()
    }
    await world.settle()
    await world.settle()
    return { world, wasBroken: requests >= number }
  }

  for (const hook of ['interfere', 'loseAnswer'] as const)
    it(`at any one request (${hook}) is survived`, async () => {
      for (let number = 1; ; number++) {
        const { world, wasBroken } = await settleBreaking(number, hook)
        assert.equal(readyOf(world.tenant('cache')), 'True Serving', `request ${number}`)
        assert.equal(world.records.length, 1)
        assert.deepEqual(await world.writesOf(() => world.reconcileAll()), [])
        if (!wasBroken) break
      }
    })
})
