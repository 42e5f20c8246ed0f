import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { healthyStorage } from '@miniredis/crds'
import { TENANT_SERIES_MAX } from '../supervisor/limits.ts'
import type { SupervisorView } from '../supervisor/supervisor.ts'
import { detailedHealth, health, livenessChecks, probe, readinessChecks } from './health.ts'
import { createMetrics } from './metrics.ts'
import { startTelemetry } from './telemetry-server.ts'

const healthy: SupervisorView = {
  identity: 'miniredis://miniredis/default/default-0-1',
  podUid: 'pod-1',
  volumeNonce: 'volume-1',
  engine: { phase: 'running', bootNonce: 'boot-1', progress: 5, restarts: 2 },
  storage: healthyStorage,
  enginePid: 7,
  enginePort: 6379,
  isWatchingEngine: true,
  isStopping: false,
  tenantsHeld: 3,
  shardsFailed: 0,
  usage: [],
  heartbeats: 11,
  controlPort: 16_380,
  controlConnections: 1,
  controlRejections: 4,
}
const view = (changes: Partial<SupervisorView> = {}): SupervisorView => ({ ...healthy, ...changes })
const phase = (name: SupervisorView['engine']['phase']) =>
  view({ engine: { ...healthy.engine, phase: name } })

describe('health of a member', () => {
  const readiness: readonly [title: string, view: SupervisorView, status: number, body: string][] =
    [
      ['is ready when all is well', view(), 200, 'ok\n'],
      ['is not while the engine starts', phase('starting'), 503, 'engine: engine is starting\n'],
      ['is not while it restarts', phase('restarting'), 503, 'engine: engine is restarting\n'],
      ['is not while it is stalled', phase('stalled'), 503, 'engine: engine is stalled\n'],
      [
        'is not while shards fail',
        view({ shardsFailed: 1 }),
        503,
        'assignments: 1 of 3 shards were not applied\n',
      ],
      [
        'is not while it stops',
        view({ isStopping: true }),
        503,
        'not-stopping: the member is not shutting down\n',
      ],
    ]
  for (const [title, seen, status, body] of readiness) {
    it(title, () => {
      const answer = probe(readinessChecks(seen))
      assert.deepEqual([answer.status, answer.body], [status, body])
    })
  }

  it('is alive while the engine is watched, whatever the engine does', () => {
    assert.equal(probe(livenessChecks(phase('stalled'))).status, 200)
    assert.equal(probe(livenessChecks(view({ isWatchingEngine: false }))).status, 503)
    assert.equal(
      probe(livenessChecks(view({ isWatchingEngine: false, isStopping: true }))).status,
      200,
    )
  })

  it('is told short and long', () => {
    assert.equal(JSON.parse(health(view()).body).status, 'ok')
    assert.equal(health(phase('stalled')).status, 503)
    const detailed = JSON.parse(detailedHealth(view()).body)
    assert.equal(detailed.volumeNonce, 'volume-1')
    assert.equal(detailed.checks.length, 5)
    assert.equal('usage' in detailed, false)
  })
})

describe('metrics of a member', () => {
  const usageOf = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      tenantUid: `uid-${index}`,
      userName: `t${index}.team`,
      shard: 0,
      memoryBytes: index,
      keys: 2,
      connections: 3,
    }))
  const scrape = async (seen: SupervisorView) => (await createMetrics(() => seen)()).body

  it('tell what the member does', async () => {
    const body = await scrape(view({ usage: usageOf(2) }))
    for (const line of [
      'miniredis_runtime_engine_up 1',
      'miniredis_runtime_engine_restarts_total 2',
      'miniredis_runtime_heartbeats_total 11',
      'miniredis_runtime_control_rejections_total 4',
      'miniredis_runtime_tenant_memory_bytes{tenant="t1.team",shard="0"} 1',
      'miniredis_runtime_tenant_keys{tenant="t0.team",shard="0"} 2',
    ]) {
      assert.ok(body.split('\n').includes(line), line)
    }
  })

  it('tell the state of the volume', async () => {
    const damage = { tenantUid: 'a', shard: 0, file: 'log/1.seg', offset: 1, message: 'bad' }
    const volume = { state: 'Full', message: 'no space' } as const
    const body = await scrape(view({ storage: { volume, loading: [], damaged: [damage] } }))
    assert.match(body, /^miniredis_runtime_volume_full 1$/m)
    assert.match(body, /^miniredis_runtime_volume_failed 0$/m)
    assert.match(body, /^miniredis_runtime_shards_damaged 1$/m)
    assert.match(body, /^miniredis_runtime_shards_loading 0$/m)
  })

  it('do not add up from scrape to scrape, and forget tenants that are gone', async () => {
    let seen = view({ usage: usageOf(1) })
    const metrics = createMetrics(() => seen)
    await metrics()
    seen = view()
    const { body } = await metrics()
    assert.match(body, /^miniredis_runtime_heartbeats_total 11$/m)
    assert.doesNotMatch(body, /t0\.team/)
  })

  it('give series of their own to the largest tenants only', async () => {
    const body = await scrape(view({ usage: usageOf(TENANT_SERIES_MAX + 5) }))
    const series = body
      .split('\n')
      .filter((line) => line.startsWith('miniredis_runtime_tenant_keys{'))
    assert.equal(series.length, TENANT_SERIES_MAX)
    assert.match(body, /^miniredis_runtime_tenant_series_dropped 5$/m)
    assert.doesNotMatch(body, /"t4\.team"/)
  })
})

describe('the telemetry port', () => {
  const requests: readonly [title: string, request: string, expected: RegExp][] = [
    [
      'another method',
      'POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
      /^HTTP\/1.1 405/,
    ],
    [
      'another path',
      'GET /../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      /^HTTP\/1.1 404/,
    ],
    [
      'a query',
      'GET /livez?verbose HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      /^HTTP\/1.1 200/,
    ],
    ['garbage', '\0\0\0\x05{{{{{\r\n\r\n', /^HTTP\/1.1 400/],
    ['huge headers', `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1.1 431/],
  ]
  for (const [title, request, expected] of requests) {
    it(`answers ${title}`, async () => {
      const server = await startTelemetry(() => view(), { host: '127.0.0.1', port: 0 })
      const socket = connect(server.port, '127.0.0.1')
      socket.write(request)
      assert.match(await text(socket), expected)
      await server.close()
    })
  }
})
