/** From what happens in the control loop to metrics and logs. */
import type { ControllerObserver } from '../control/controller.ts'
import type { LeadershipObserver } from '../kube/leader-election.ts'
import type { ReflectorObserver } from '../kube/reflector.ts'
import type { RequestObserver } from '../kube/transport.ts'
import type { HealthFacts } from './health.ts'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'

export function observeRequests(metrics: Metrics): RequestObserver {
  return {
    requested({ verb, resource, result, durationMs }) {
      metrics.apiRequests.inc({ verb, resource, result })
      metrics.apiRequestSeconds.observe({ verb }, durationMs / 1000)
    },
  }
}

export function observeReconciles(metrics: Metrics, log: Logger): ControllerObserver {
  return {
    reconciled({ controller, key, result, durationMs, error, nextMs }) {
      metrics.reconciles.inc({ controller, result })
      metrics.reconcileSeconds.observe({ controller }, durationMs / 1000)
      const turn = { controller, key, durationMs: Math.round(durationMs), nextMs }
      if (error === undefined) return log.debug(turn, 'reconciled')
      metrics.retries.inc({ controller })
      if (result === 'panicked') log.error({ ...turn, err: error }, 'a reconcile hit a bug')
      else log.warn({ ...turn, ...briefly(error) }, 'a reconcile failed')
    },
  }
}

export function observeReflectors(metrics: Metrics, log: Logger): ReflectorObserver {
  return {
    listed({ plural: resource }, objects) {
      metrics.cacheLists.inc({ resource })
      log.debug({ resource, objects }, 'listed')
    },
    broke({ plural: resource }, error, failures) {
      const { code, problem } = briefly(error)
      metrics.watchFailures.inc({ resource, code })
      log[levelOf(failures)]({ resource, code, problem, failures }, 'a watch broke')
    },
  }
}

export function observeLeadership(
  metrics: Metrics,
  log: Logger,
  next: Pick<LeadershipObserver, 'elected' | 'deposed'>,
): LeadershipObserver {
  const changed = (change: 'elected' | 'deposed', leading: 0 | 1) => {
    metrics.leading.set(leading)
    metrics.leadershipChanges.inc({ change })
    log.info({ change }, 'the leadership changed')
    next[change]()
  }
  return {
    elected: () => changed('elected', 1),
    deposed: () => changed('deposed', 0),
    failed(error, failures) {
      metrics.leaseFailures.inc()
      const message = 'the Lease could not be read or written'
      log[levelOf(failures)]({ ...briefly(error), failures }, message)
    },
  }
}

/** Brings the gauges up to date; called before metrics are rendered. */
export function measure(metrics: Metrics, { caches, controllers }: HealthFacts): void {
  for (const { resource, synced, objects, silenceMs = 0 } of caches) {
    metrics.cacheObjects.set({ resource }, objects)
    metrics.cacheSynced.set({ resource }, synced ? 1 : 0)
    metrics.cacheSilenceSeconds.set({ resource }, silenceMs / 1000)
  }
  for (const { name: controller, ready, active, delayed } of controllers) {
    metrics.queueKeys.set({ controller, state: 'ready' }, ready)
    metrics.queueKeys.set({ controller, state: 'active' }, active)
    metrics.queueKeys.set({ controller, state: 'delayed' }, delayed)
  }
}

/** In an outage everything fails again and again: the first time is told, and then now and then. */
const levelOf = (failures: number): 'warn' | 'debug' =>
  failures === 1 || failures % 50 === 0 ? 'warn' : 'debug'

/** An error of the world in two fields; its stack would say nothing. */
function briefly(error: unknown): { readonly code: string; readonly problem: string } {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : ''
  return {
    code: String(code || 'Unknown'),
    problem: error instanceof Error ? error.message : String(error),
  }
}
