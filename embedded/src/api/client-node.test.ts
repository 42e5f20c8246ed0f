/** The client library that the operator uses, against this API: over TLS, with a kubeconfig. */
import assert from 'node:assert/strict'
import {
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
  V1MicroTime,
  Watch,
} from '@kubernetes/client-node'
import { makeApiCertificate } from '../cluster/api-certificate.ts'
import { buildKubeconfig } from '../cluster/kubeconfig.ts'
import { resources } from '../store/resources.ts'
import { openTestApi, type TestApi, widgetDefinition } from '../testing.ts'
import { ApiServer } from './api-server.ts'

const TOKEN = 'a-token-for-tests'
const namespace = 'default'
const custom = { group: 'example.com', version: 'v1', plural: 'widgets', namespace }

describe('@kubernetes/client-node', () => {
  let api: TestApi
  let server: ApiServer
  const config = new KubeConfig()

  before(async () => {
    api = openTestApi({ defer: queueMicrotask })
    api.store.create(resources.customResourceDefinitions, widgetDefinition)
    const tls = await makeApiCertificate(Date.now())
    server = new ApiServer({ ...api, token: TOKEN, tls })
    const url = await server.listen('127.0.0.1', 0)
    const { certificate } = tls
    config.loadFromString(buildKubeconfig({ server: url, token: TOKEN, certificate }))
  })

  after(async () => {
    await server.close()
    api.store.close()
  })

  it('lists and creates typed objects, and gets typed errors', async () => {
    const core = config.makeApiClient(CoreV1Api)
    const names = (await core.listNamespace()).items.map(({ metadata }) => metadata?.name)
    assert.ok(names.includes('kube-system'))
    const body = { metadata: { name: 'typed' }, data: { x: '1' } }
    await core.createNamespacedConfigMap({ namespace, body })
    await assert.rejects(
      core.createNamespacedConfigMap({ namespace, body }),
      (error: { code: number; body: string }) =>
        error.code === 409 && JSON.parse(error.body).reason === 'AlreadyExists',
    )
  })

  it('renews a Lease, and meets its rival', async () => {
    const client = config.makeApiClient(CoordinationV1Api)
    const spec = { holderIdentity: 'one', leaseDurationSeconds: 15, renewTime: new V1MicroTime() }
    const lease = await client.createNamespacedLease({
      namespace,
      body: { metadata: { name: 'lead' }, spec },
    })
    assert.match(String(lease.spec?.renewTime), /\.\d{6}Z$/)
    lease.spec = { ...lease.spec, holderIdentity: 'two' }
    await client.replaceNamespacedLease({ namespace, name: 'lead', body: lease })
    await assert.rejects(
      client.replaceNamespacedLease({ namespace, name: 'lead', body: lease }),
      (error: { code: number }) => error.code === 409,
    )
  })

  it('applies an object and writes its status', async () => {
    const client = KubernetesObjectApi.makeApiClient(config)
    const widget: KubernetesObject & { spec: object } = {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'w', namespace },
      spec: { size: 2 },
    }
    const applied = await client.patch(
      widget,
      undefined,
      undefined,
      'test',
      true,
      PatchStrategy.ServerSideApply,
    )
    assert.equal(applied.metadata?.generation, 1)
    const objects = config.makeApiClient(CustomObjectsApi)
    const current = await objects.getNamespacedCustomObject({ ...custom, name: 'w' })
    const body = { ...current, status: { ready: true } }
    await objects.replaceNamespacedCustomObjectStatus({ ...custom, name: 'w', body })
    const after = await objects.getNamespacedCustomObject({ ...custom, name: 'w' })
    assert.deepEqual([after.status, after.metadata.generation], [{ ready: true }, 1])
  })

  it('watches', async () => {
    const core = config.makeApiClient(CoreV1Api)
    const seen: string[] = []
    const body = { metadata: { name: 'watched' } }
    await new Promise<void>((resolve, reject) => {
      const follow = (type: string, { metadata }: { metadata: { name: string } }) => {
        seen.push(`${type} ${metadata.name}`)
        if (type === 'DELETED') resolve()
      }
      const path = `/api/v1/namespaces/${namespace}/secrets`
      new Watch(config)
        .watch(path, { allowWatchBookmarks: true }, follow, (error) => error && reject(error))
        .then(async (controller) => {
          await core.createNamespacedSecret({ namespace, body })
          await core.deleteNamespacedSecret({ namespace, name: 'watched' })
          return controller
        })
        .catch(reject)
    })
    assert.deepEqual(seen, ['ADDED watched', 'DELETED watched'])
  })
})
