/** The telemetry port of a member: probes, health and metrics over plain HTTP. */
import type { SupervisorView } from '../supervisor/supervisor.ts'
import { detailedHealth, health, livenessChecks, probe, readinessChecks } from './health.ts'
import { type HttpServer, startHttpServer } from './http-server.ts'
import { createMetrics } from './metrics.ts'

export function startTelemetry(
  view: () => SupervisorView,
  address: { readonly host: string; readonly port: number },
): Promise<HttpServer> {
  const routes = {
    '/livez': () => probe(livenessChecks(view())),
    '/readyz': () => probe(readinessChecks(view())),
    '/health': () => health(view()),
    '/health/detailed': () => detailedHealth(view()),
    '/metrics': createMetrics(view),
  }
  return startHttpServer(routes, address)
}
