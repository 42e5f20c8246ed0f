/** What `helm upgrade` does to a cluster in use. The stories' own cluster was made by helm install. */
import assert from 'node:assert/strict'
import { attachTestCluster, type TestCluster } from './index.ts'
import { repository } from './layout.ts'

const definition = ['crd', 'tenantnodes.miniredis.io', '-o', 'json']

describe('helm upgrade', function () {
  this.timeout(180_000)

  it('brings the definitions up to date and restarts nothing', async () => {
    const cluster = await attachTestCluster()
    assert.ok(cluster, 'run node e2e/main.ts kubernetes')
    const podsBefore = await operatorPods(cluster)
    await cluster.kubectl(['patch', 'crd', 'tenantnodes.miniredis.io', ...withoutShortNames])
    const chart = `${repository}/charts/miniredis`
    const upgrade = ['upgrade', 'miniredis', chart, '--namespace', 'miniredis', '--reuse-values']
    await cluster.helm([...upgrade, '--wait', '--timeout', '2m'])
    const { spec } = JSON.parse(await cluster.kubectl(['get', ...definition]))
    assert.deepEqual(spec.names.shortNames, ['tn'])
    assert.deepEqual(await operatorPods(cluster), podsBefore)
  })
})

const withoutShortNames = ['--type=json', '-p', '[{"op":"remove","path":"/spec/names/shortNames"}]']

async function operatorPods(cluster: TestCluster): Promise<string[]> {
  const selector = 'app.kubernetes.io/component=operator'
  const pods = await cluster.kubectl([
    '-n',
    'miniredis',
    'get',
    'pods',
    '-l',
    selector,
    '-o',
    'name',
  ])
  return pods.trim().split('\n').sort()
}
