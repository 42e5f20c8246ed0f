/** What probes and people are told about a member's health. Pure. */
import type { SupervisorView } from '../supervisor/supervisor.ts'
import { type HttpAnswer, json, text } from './http-server.ts'

export interface HealthCheck {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
}

/** Not alive: a restart of the container would help. The engine's restarts are our own business. */
export const livenessChecks = (view: SupervisorView): readonly HealthCheck[] => [
  {
    name: 'engine-watch',
    ok: view.isWatchingEngine || view.isStopping,
    detail: 'the supervisor watches its engine and restarts it',
  },
]

/** Not ready: no new connections should be sent here. */
export const readinessChecks = (view: SupervisorView): readonly HealthCheck[] => [
  { name: 'not-stopping', ok: !view.isStopping, detail: 'the member is not shutting down' },
  { name: 'engine', ok: view.engine.phase === 'running', detail: `engine is ${view.engine.phase}` },
  {
    name: 'control',
    ok: view.controlPort > 0,
    detail: 'certificates are loaded and the control port is open',
  },
  {
    name: 'assignments',
    ok: view.shardsFailed === 0,
    detail: `${view.shardsFailed} of ${view.tenantsHeld} shards were not applied`,
  },
]

const isOk = (checks: readonly HealthCheck[]): boolean => checks.every(({ ok }) => ok)

/** The answer to a probe: 200, or 503 with the checks that fail, one on each line. */
export function probe(checks: readonly HealthCheck[]): HttpAnswer {
  if (isOk(checks)) return text(200, 'ok')
  const failed = checks.filter(({ ok }) => !ok)
  return text(503, failed.map(({ name, detail }) => `${name}: ${detail}`).join('\n'))
}

/** The short health report. 503 when the member is not ready. */
export function health(view: SupervisorView): HttpAnswer {
  const ok = isOk([...livenessChecks(view), ...readinessChecks(view)])
  const { engine, tenantsHeld, controlConnections } = view
  const report = { status: ok ? 'ok' : 'unavailable', engine, tenantsHeld, controlConnections }
  return json(ok ? 200 : 503, report)
}

/** The long one: every check, and the numbers behind it. Tenants are in /metrics. */
export function detailedHealth(view: SupervisorView): HttpAnswer {
  const checks = [...livenessChecks(view), ...readinessChecks(view)]
  const { usage, ...rest } = view
  const ok = isOk(checks)
  return json(ok ? 200 : 503, {
    status: ok ? 'ok' : 'unavailable',
    checks,
    ...rest,
    tenantsReported: usage.length,
    node: process.version,
  })
}
