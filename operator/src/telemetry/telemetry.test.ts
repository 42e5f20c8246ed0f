import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { KubeError } from '../kube/errors.ts'
import type { HealthFacts } from './health.ts'
import { createHttpServer } from './http-server.ts'
import { createLogger } from './logger.ts'
import { metricCatalogue } from './metric-catalogue.ts'
import { createMetrics } from './metrics.ts'
import { measure, observeReconciles } from './observers.ts'

const healthy: HealthFacts = {
  leading: true,
  electionIdleMs: 100,
  caches: [{ resource: 'pods', synced: true, objects: 3, silenceMs: 1000 }],
  controllers: [{ name: 'tenant', running: true, ready: 1, active: 2, delayed: 3 }],
}

function ask(facts: HealthFacts, url: string) {
  const page = createMetrics({ processMetrics: false })
  const render = () => {
    measure(page.metrics, facts)
    return page.render()
  }
  const server = createHttpServer({
    facts: () => facts,
    metrics: { ...page, render },
    startedMs: 0,
    now: () => 5000,
    identity: 'operator-1',
  })
  return server.inject({ url })
}

describe('operator HTTP', () => {
  const unfilled = { ...healthy, caches: [{ resource: 'pods', synced: false, objects: 0 }] }
  const deaf = {
    ...healthy,
    caches: [{ resource: 'pods', synced: true, objects: 3, silenceMs: 300_000 }],
  }
  const hanging = { ...healthy, electionIdleMs: 16_000 }
  const following = { ...healthy, leading: false }
  const table: readonly (readonly [string, HealthFacts, number, number, number])[] = [
    ['healthy', healthy, 200, 200, 200],
    ['following', following, 200, 200, 200],
    ['with an unfilled cache', unfilled, 200, 503, 503],
    ['deaf', deaf, 200, 503, 503],
    ['with a hanging election', hanging, 503, 200, 503],
  ]
  for (const [title, facts, livez, readyz, health] of table) {
    it(`answers ${livez}, ${readyz} and ${health} when ${title}`, async () => {
      const codes = [
        (await ask(facts, '/livez')).statusCode,
        (await ask(facts, '/readyz')).statusCode,
        (await ask(facts, '/health')).statusCode,
        (await ask(facts, '/health/detailed')).statusCode,
      ]
      assert.deepEqual(codes, [livez, readyz, health, health])
    })
  }

  it('says what is wrong, and everything in detail', async () => {
    const { problems } = (await ask(unfilled, '/readyz')).json()
    assert.deepEqual(problems, ['The cache of pods is not filled yet.'])
    const detailed = (await ask(healthy, '/health/detailed')).json()
    assert.deepEqual(detailed, {
      status: 'ok',
      problems: [],
      identity: 'operator-1',
      uptimeSeconds: 5,
      ...healthy,
    })
  })

  it('exposes metrics with fresh gauges', async () => {
    const { body, headers } = await ask(healthy, '/metrics')
    assert.match(String(headers['content-type']), /^text\/plain/)
    assert.match(body, /miniredis_operator_queue_keys\{controller="tenant",state="ready"\} 1/)
    assert.match(body, /miniredis_operator_cache_objects\{resource="pods"\} 3/)
  })

  it('knows no other path', async () => {
    assert.equal((await ask(healthy, '/')).statusCode, 404)
  })
})

describe('metric catalogue', () => {
  it('spells names and units as everywhere, without two of a name', () => {
    const names = Object.values(metricCatalogue).map(({ name }) => name)
    assert.equal(new Set(names).size, names.length)
    for (const { kind, name, help } of Object.values(metricCatalogue)) {
      assert.match(name, /^miniredis_operator(_[a-z]+)+$/)
      assert.equal(name.endsWith('_total'), kind === 'counter', name)
      assert.equal(name.endsWith('_duration_seconds'), kind === 'histogram', name)
      assert.match(help, /^[A-Z0-9].*\.$/)
    }
  })

  it('holds nothing that is never used', () => {
    const sources = readdirSync(join(import.meta.dirname, '..'), { recursive: true })
      .map(String)
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
      .map((path) => readFileSync(join(import.meta.dirname, '..', path), 'utf8'))
      .join('\n')
    for (const key of Object.keys(metricCatalogue)) {
      assert.ok(sources.includes(`metrics.${key}.`), `metrics.${key} is used nowhere`)
    }
  })
})

describe('logs', () => {
  const logged = (write: (log: ReturnType<typeof createLogger>) => void) => {
    const lines: string[] = []
    write(createLogger('debug', { write: (line) => lines.push(line) }))
    return lines.join('')
  }

  it('hide secrets wherever objects carry them', () => {
    const text = logged((log) => {
      log.info({ password: 'hunter2' }, 'seen')
      log.info({ secret: { data: { password: 'aHVudGVyMg==' }, metadata: { name: 'x' } } }, 'seen')
      log.info({ a: { b: { token: 'hunter2', privateKey: 'hunter2' } } }, 'seen')
      log.info({ child: { stringData: { 'tls.key': 'hunter2' } } }, 'seen')
      log.info({ pair: { 'tls.key': 'hunter2' } }, 'seen')
    })
    assert.doesNotMatch(text, /hunter2|aHVudGVyMg/)
    assert.equal(text.trim().split('\n').length, 5)
  })

  it('give bugs with their stack and failures of the world in brief', () => {
    const { metrics } = createMetrics({ processMetrics: false })
    const text = logged((log) => {
      const observer = observeReconciles(metrics, log)
      const turn = { controller: 'c', key: 'k', durationMs: 1.5, nextMs: 100 }
      observer.reconciled({ ...turn, result: 'panicked', error: new TypeError('no') })
      observer.reconciled({ ...turn, result: 'failed', error: new KubeError('Conflict', 'again') })
    })
    const [bug, failure] = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.match(bug.err.stack, /TypeError: no\n/)
    assert.deepEqual([failure.level, failure.code, failure.problem], ['warn', 'Conflict', 'again'])
    assert.equal(failure.err, undefined)
  })
})
