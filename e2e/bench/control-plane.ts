/**
 * How long from apply to Ready, and what a settled operator costs. Prints figures; judges nothing.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { CustomObjectsApi, KubeConfig, Watch } from '@kubernetes/client-node'
import type { Cluster } from '../src/cluster.ts'
import { eventually } from '../src/eventually.ts'
import { acceptOrphanRemoval, orphansHeld } from '../src/orphans.ts'
import { kubectl } from '../src/tenants.ts'

const ONE_BY_ONE = 100
const AT_ONCE = 200
const SETTLE_MS = 10_000
const OBSERVE_MS = 20_000
const READY_DEADLINE_MS = 120_000
const namespace = 'bench'
const resource = { group: 'miniredis.io', version: 'v1alpha1', namespace, plural: 'tenantnodes' }

interface TenantView {
  readonly metadata: { readonly name: string }
  readonly status?: { readonly conditions?: readonly { type: string; status: string }[] }
}

export async function measureControlPlane(cluster: Cluster): Promise<void> {
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
  await kubectl(cluster, ['apply', '-f', '-'], JSON.stringify(object))
  const config = new KubeConfig()
  config.loadFromFile(cluster.kubeconfig)
  const ready = await watchReadiness(config)
  const api = config.makeApiClient(CustomObjectsApi)
  try {
    await measureOneByOne(api, ready)
    await removeAll(cluster)
    await measureAtOnce(api, ready)
    await measureSettled(cluster)
  } finally {
    ready.close()
    await kubectl(cluster, ['delete', 'namespace', namespace])
  }
}

async function measureOneByOne(api: CustomObjectsApi, ready: Readiness): Promise<void> {
  const waits: number[] = []
  for (let i = 0; i < ONE_BY_ONE; i++) waits.push(await timeToReady(api, ready, `one-${i}`))
  report(`apply to Ready, ${ONE_BY_ONE} tenants one by one`, waits)
}

async function measureAtOnce(api: CustomObjectsApi, ready: Readiness): Promise<void> {
  const names = Array.from({ length: AT_ONCE }, (_, i) => `many-${i}`)
  report(
    `apply to Ready, ${AT_ONCE} tenants at once`,
    await Promise.all(names.map((name) => timeToReady(api, ready, name))),
  )
}

async function measureSettled(cluster: Cluster): Promise<void> {
  await sleep(SETTLE_MS)
  const before = await readTelemetry(cluster)
  await sleep(OBSERVE_MS)
  const after = await readTelemetry(cluster)
  const perSecond = ((after.requests - before.requests) * 1000) / OBSERVE_MS
  const cpu = ((after.cpuSeconds - before.cpuSeconds) * 100_000) / OBSERVE_MS
  console.log(`operator with ${AT_ONCE} settled tenants: ${mebibytes(after.bytes)} MiB resident,`)
  console.log(`  ${perSecond.toFixed(2)} API requests/s, ${cpu.toFixed(1)} % of a core`)
}

/** Milliseconds from sending the object to seeing it Ready in a watch. */
async function timeToReady(api: CustomObjectsApi, ready: Readiness, name: string) {
  const beganAtMs = performance.now()
  const seen = ready.of(name)
  const body = {
    apiVersion: 'miniredis.io/v1alpha1',
    kind: 'TenantNode',
    metadata: { name },
    spec: {},
  }
  await api.createNamespacedCustomObject({ ...resource, body })
  return (await seen) - beganAtMs
}

interface Readiness {
  /** Resolves with the time at which the tenant was seen Ready. */
  of(name: string): Promise<number>
  close(): void
}

async function watchReadiness(config: KubeConfig): Promise<Readiness> {
  const waiting = new Map<string, (atMs: number) => void>()
  const path = `/apis/${resource.group}/${resource.version}/namespaces/${namespace}/tenantnodes`
  const onEvent = (_kind: string, tenant: TenantView) => {
    const isReady = tenant.status?.conditions?.some(
      ({ type, status }) => type === 'Ready' && status === 'True',
    )
    if (isReady) waiting.get(tenant.metadata.name)?.(performance.now())
  }
  const abort = await new Watch(config).watch(path, {}, onEvent, () => undefined)
  const of = (name: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const deadline = setTimeout(() => reject(new Error(`${name} never Ready`)), READY_DEADLINE_MS)
    waiting.set(name, (atMs) => {
      clearTimeout(deadline)
      waiting.delete(name)
      resolve(atMs)
    })
    return promise
  }
  return { of, close: () => abort.abort() }
}

/** So many at once are held back; a person would say yes as this does. */
async function removeAll(cluster: Cluster): Promise<void> {
  await kubectl(cluster, ['delete', 'tn', '--all', '-n', namespace, '--wait=true'])
  await eventually(async () => assert.equal((await orphansHeld(cluster))?.status, 'True'))
  await acceptOrphanRemoval(cluster)
}

async function readTelemetry(cluster: Cluster) {
  const way = await cluster.operatorTelemetry()
  try {
    const text = await (await fetch(`http://${way.host}:${way.port}/metrics`)).text()
    return {
      bytes: sum(text, 'process_resident_memory_bytes'),
      cpuSeconds: sum(text, 'process_cpu_seconds_total'),
      requests: sum(text, 'miniredis_operator_api_requests_total'),
    }
  } finally {
    await way.close()
  }
}

/** The sum over all label sets of a metric in the Prometheus text format. */
const sum = (text: string, metric: string): number =>
  [...text.matchAll(new RegExp(`^${metric}(?:\\{.*\\})? (\\S+)`, 'gm'))]
    .map((match) => Number(match[1]))
    .reduce((a, b) => a + b, 0)

function report(title: string, waitsMs: readonly number[]): void {
  const sorted = waitsMs.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
  const [p50, p95, max] = [at(0.5), at(0.95), at(1)].map((ms) => `${Math.round(ms)} ms`)
  console.log(`${title}: p50 ${p50}, p95 ${p95}, longest ${max}`)
}

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20)
