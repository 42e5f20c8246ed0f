/** The habits of kubectl users. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { eventually } from '../src/eventually.ts'
import { story } from '../src/story.ts'
import { kubectl } from '../src/tenants.ts'

const repository = join(import.meta.dirname, '..', '..')

describe('kubectl', () => {
  story('get shows phase, readiness, endpoint, memory and age', async (stage) => {
    const { cluster, namespace, tenant } = stage
    await (await tenant('cache').apply()).becomesReady()
    const table = await kubectl(cluster, ['get', 'tn', '-n', namespace])
    const [header, row] = table.trim().split('\n')
    assert.match(header ?? '', /^NAME\s+PHASE\s+READY\s+ENDPOINT\s+MEMORY\s+AGE\s*$/)
    assert.match(
      row ?? '',
      new RegExp(
        `^cache\\s+Ready\\s+True\\s+cache\\.${namespace}\\.svc:6379\\s+64Mi\\s+\\d+s\\s*$`,
      ),
    )
  })

  story('describe tells the state, the conditions and the events', async (stage) => {
    const { cluster, namespace, tenant } = stage
    await (await tenant('cache').apply()).becomesReady()
    const text = await kubectl(cluster, ['describe', 'tn', 'cache', '-n', namespace])
    for (const expected of [/Phase:\s+Ready/, /Type:\s+Ready/, /Reason:\s+Serving/, /Binding:/]) {
      assert.match(text, expected)
    }
  })

  story('explain knows every field', async ({ cluster }) => {
    const spec = await kubectl(cluster, ['explain', 'tenantnode.spec'])
    for (const field of ['databases', 'endpoint', 'limits', 'memory', 'pool']) {
      assert.match(spec, new RegExp(`${field}\\s+<`))
    }
    const limit = await kubectl(cluster, ['explain', 'tn.spec.memory.limit'])
    assert.match(limit, /reads go on/)
  })

  story('the example applies, is edited and deleted', async ({ cluster, namespace, tenant }) => {
    const cache = tenant('cache')
    const example = join(repository, 'examples', 'tenant.yaml')
    await kubectl(cluster, ['apply', '-n', namespace, '-f', example])
    await cache.becomesReady()
    await kubectl(cluster, [
      ...['patch', 'tn', 'cache', '-n', namespace, '--type=merge'],
      ...['-p', '{"spec":{"memory":{"limit":"32Mi"}}}'],
    ])
    await eventually(async () => {
      const client = await cache.connect()
      const limit = await client.sendCommand(['CONFIG', 'GET', 'maxmemory'])
      assert.match(JSON.stringify(limit), /33554432/)
    })
    await kubectl(cluster, ['delete', '-n', namespace, '-f', example])
  })

  story('edit opens the object in an editor and applies the change', async (stage) => {
    const { cluster, namespace, tenant } = stage
    await (await tenant('cache').apply()).becomesReady()
    await kubectl(cluster, ['edit', 'tn', 'cache', '-n', namespace])
    const limit = ['get', 'tn', 'cache', '-n', namespace, '-o', 'jsonpath={.spec.memory.limit}']
    assert.equal(await kubectl(cluster, limit), '48Mi')
  })

  story('a GitOps folder applies with -k', async ({ cluster }) => {
    const folder = join(repository, 'examples', 'gitops')
    await kubectl(cluster, ['apply', '-k', folder])
    await kubectl(cluster, [
      ...['wait', '--for=condition=Ready', 'tn', '--all', '-n', 'team-a', '--timeout=60s'],
    ])
    const again = await kubectl(cluster, ['apply', '-k', folder])
    assert.ok(!/configured|created/.test(again), again)
    await kubectl(cluster, ['delete', '-k', folder, '--ignore-not-found'])
  })

  story('server-side apply owns fields and reports conflicts', async (stage) => {
    const { cluster, namespace, tenant } = stage
    const cache = tenant('cache')
    const apply = (manager: string, limit: string) =>
      cluster.kubectl(
        ['apply', '--server-side', `--field-manager=${manager}`, '-f', '-'],
        cache.manifest({ memory: { limit } }),
      )
    assert.equal((await apply('one', '64Mi')).exitCode, 0)
    const conflict = await apply('two', '32Mi')
    assert.equal(conflict.exitCode, 1)
    assert.match(conflict.stderr, /conflict with "one": \.spec\.memory\.limit/)
    await kubectl(cluster, ['delete', 'tn', 'cache', '-n', namespace])
  })

  story('a dry run on the server checks and changes nothing', async (stage) => {
    const { cluster, namespace, tenant } = stage
    const args = ['apply', '--dry-run=server', '-f', '-']
    const good = await kubectl(cluster, args, tenant('cache').manifest({}))
    assert.match(good, /created \(server dry run\)/)
    const bad = await cluster.kubectl(args, tenant('cache').manifest({ databases: 99 }))
    assert.equal(bad.exitCode, 1)
    assert.match(bad.stderr, /spec\.databases/)
    const missing = await cluster.kubectl(['get', 'tn', 'cache', '-n', namespace])
    assert.match(missing.stderr, /NotFound/)
  })
})
