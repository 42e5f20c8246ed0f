/**
 * The operator's program: a parts list.
 *
 *   operator                          reconciles until it is told to stop
 *   operator apply-crds <directory>   applies the definitions of a directory and ends
 */
import { randomBytes } from 'node:crypto'
import closeWithGrace from 'close-with-grace'
import { applyCrds } from './apply-crds.ts'
import { type Configuration, parseConfiguration } from './configuration.ts'
import { systemClock } from './control/clock.ts'
import { type ApiAccess, loadKubeconfig, loadServiceAccount } from './kube/access.ts'
import { KubeClient } from './kube/kube-client.ts'
import { LEASE_REQUEST_MS } from './kube/leader-election.ts'
import { Transport } from './kube/transport.ts'
import { Operator } from './operator.ts'
import { createParts, watchedKinds } from './reconcilers/parts.ts'
import { createHttpServer, listen } from './telemetry/http-server.ts'
import { createLogger, type Logger } from './telemetry/logger.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { measure, observeRequests } from './telemetry/observers.ts'

/** Beyond this a graceful stop is given up: less than a Pod's usual 30 s of grace. */
const STOP_MS_MAX = 20_000
const clock = systemClock

async function run(configuration: Configuration, log: Logger): Promise<void> {
  const startedMs = clock.now()
  const identity = `${configuration.podName}_${randomBytes(4).toString('hex')}`
  const page = createMetrics({ processMetrics: true })
  const { metrics } = page
  const connection = {
    access: await loadAccess(configuration),
    clock,
    userAgent: 'miniredis-operator',
    observer: observeRequests(metrics),
  }
  const transport = new Transport(connection)
  const leaseTransport = new Transport({ ...connection, deadlineMs: LEASE_REQUEST_MS })
  const operator = new Operator({
    kube: new KubeClient(transport),
    leaseKube: new KubeClient(leaseTransport),
    clock,
    random: Math.random,
    identity,
    log,
    metrics,
    configuration,
    watchedKinds,
    createParts,
  })
  const facts = () => operator.facts()
  const render = () => {
    measure(metrics, facts())
    return page.render()
  }
  const http = createHttpServer({
    facts,
    metrics: { contentType: page.contentType, render },
    startedMs,
    now: clock.now,
    identity,
  })

  const grace = closeWithGrace({ delay: STOP_MS_MAX, logger: log }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'the operator broke')
    log.info({ signal }, 'the operator stops')
    await operator.stop()
    await http.close()
    transport.close()
    leaseTransport.close()
  })
  if (configuration.exitOnStdinEof) process.stdin.on('end', grace.close).resume()

  await listen(http, configuration.http)
  operator.start()
  log.info({ identity, http: configuration.http }, 'the operator started')
}

async function runApplyCrds(
  configuration: Configuration,
  log: Logger,
  directory: string,
): Promise<void> {
  const access = await loadAccess(configuration)
  const transport = new Transport({ access, clock, userAgent: 'miniredis-operator' })
  const onApplied = (name: string) => log.info({ name }, 'applied a definition')
  await applyCrds(directory, { kube: new KubeClient(transport), clock, onApplied })
  transport.close()
}

function loadAccess({ kubeconfig, api }: Configuration): ApiAccess | Promise<ApiAccess> {
  if (kubeconfig !== undefined) return loadKubeconfig(kubeconfig, clock)
  if (api.host !== undefined) return loadServiceAccount(api.host, api.port, clock)
  throw new Error('no API server: set KUBECONFIG, or run in a pod')
}

async function main([command, directory]: readonly string[]): Promise<void> {
  const configuration = parseConfiguration(process.env)
  const log = createLogger(configuration.logLevel)
  if (command === undefined) return run(configuration, log)
  if (command === 'apply-crds' && directory !== undefined) {
    return runApplyCrds(configuration, log, directory)
  }
  throw new Error('usage: operator [apply-crds <directory>]')
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
