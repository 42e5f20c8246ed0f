import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { podSchema } from '../kinds.ts'
import { resources } from '../store/resources.ts'
import { ApiClient } from './api-client.ts'
import { EmbeddedCluster } from './embedded-cluster.ts'
import { readKubeconfig } from './kubeconfig.ts'

describe('embedded cluster', function () {
  this.timeout(20_000)
  const parent = mkdtempSync(join(tmpdir(), 'cluster-'))
  const clusters: EmbeddedCluster[] = []
  after(() => rmSync(parent, { recursive: true, force: true }))
  afterEach(async () => {
    await Promise.all(clusters.splice(0).map((cluster) => cluster.stop()))
  })

  const programs = [{ matches: () => true, paths: { '/bin/node': process.execPath } }]
  const start = async (name: string, apiPort = 0) => {
    const home = join(parent, name)
    const options = { home, apiPort, portBase: 46_001, hasOperator: false, programs }
    const cluster = await EmbeddedCluster.start(options)
    clusters.push(cluster)
    return cluster
  }
  const clientOf = (cluster: EmbeddedCluster) => new ApiClient(readKubeconfig(cluster.kubeconfig))
  const key = { namespace: 'default', name: 'p' }
  const createPod = (cluster: EmbeddedCluster) =>
    cluster.store.create(resources.pods, {
      metadata: key,
      spec: {
        containers: [
          { name: 'main', image: 'x', command: ['/bin/node', '-e', 'setInterval(() => {}, 1e3)'] },
        ],
      },
    })
  const untilReady = (cluster: EmbeddedCluster) =>
    new Promise<void>((resolve) => {
      const watch = cluster.store.watch(resources.pods, {}, ({ type, object }) => {
        if (type !== 'ADDED' && type !== 'MODIFIED') return
        const { conditions } = podSchema.parse(object).status
        if (!conditions?.some((one) => one.type === 'Ready' && one.status === 'True')) return
        resolve()
        watch.close()
      })
    })

  it('has nodes in zones, the definitions and a pool, and a private kubeconfig', async () => {
    const cluster = await start('basics')
    const client = clientOf(cluster)
    const nodes = (await client.get('/api/v1/nodes')) as { items: unknown[] }
    assert.equal(nodes.items.length, 3)
    const pool = '/apis/miniredis.io/v1alpha1/namespaces/miniredis/runtimepools/default'
    assert.ok(await client.get(pool))
    assert.equal(statSync(cluster.kubeconfig).mode & 0o777, 0o600)
  })

  it('schedules and runs a pod, and resolves names of Services', async () => {
    const cluster = await start('pods')
    createPod(cluster)
    await untilReady(cluster)
    assert.ok(cluster.podPid('default', 'p'))
    cluster.store.create(resources.services, {
      metadata: { namespace: 'default', name: 'web' },
      spec: { ports: [{ port: 8080 }] },
    })
    assert.match(cluster.resolve('web.default.svc') ?? '', /^127\./)
    assert.equal(cluster.resolve('10.0.0.1'), '10.0.0.1')
    assert.equal(cluster.resolve('none.default'), undefined)
  })

  it('goes on without its API, and has it back on the same port', async () => {
    const cluster = await start('faults')
    createPod(cluster)
    await untilReady(cluster)
    const { apiUrl } = cluster
    await cluster.stopApi()
    await assert.rejects(clientOf(cluster).get('/api/v1/nodes'))
    assert.ok(cluster.podPid('default', 'p'))
    await cluster.startApi()
    assert.equal(cluster.apiUrl, apiUrl)
    assert.ok(await clientOf(cluster).get('/api/v1/nodes'))
  })

  it('keeps objects, token and port over a restart, and starts its pods again', async () => {
    const first = await start('restart')
    createPod(first)
    await untilReady(first)
    const pid = first.podPid('default', 'p')
    const access = readKubeconfig(first.kubeconfig)
    await first.stop()
    assert.equal(existsSync(`/proc/${pid}`), false)
    const second = await start('restart')
    assert.deepEqual(readKubeconfig(second.kubeconfig), access)
    await untilReady(second)
    assert.notEqual(second.podPid('default', 'p'), pid)
  })

  it('runs beside others, but only once in one home', async () => {
    const [one, two] = [await start('one'), await start('two')]
    assert.notEqual(one.apiUrl, two.apiUrl)
    await assert.rejects(start('one'), /a cluster runs already with MINIREDIS_HOME=/)
    assert.ok(await clientOf(one).get('/api/v1/nodes'))
  })

  it('names the port that is taken and the variable that moves it', async () => {
    const squatter = createServer()
    const port = await new Promise<number>((resolve) => {
      squatter.listen(0, '127.0.0.1', () => {
        const address = squatter.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    await assert.rejects(start('taken', port), (error: Error) => {
      assert.match(error.message, new RegExp(`port ${port} on 127.0.0.1.*MINIREDIS_PORT_BASE`))
      return true
    })
    squatter.close()
  })
})
