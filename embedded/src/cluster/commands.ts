/** What `make up`, `make down` and `status` do, told line by line. */
import { join } from 'node:path'
import { apiVersion, connectionSecretName } from '@miniredis/crds'
import { z } from 'zod'
import { systemClock } from '../clock.ts'
import { ProcessRecords } from '../kubelet/process-records.ts'
import { PORTS_ERROR } from '../network/service-proxy.ts'
import { ApiClient } from './api-client.ts'
import {
  assertPortIsFree,
  endDaemon,
  findDaemon,
  type LaunchOptions,
  launchDaemon,
  waitFor,
} from './daemon.ts'
import { deleteHome, type Home, homeAt, openHome } from './home.ts'
import { readKubeconfig } from './kubeconfig.ts'
import { operatorNamespace, readManifests } from './objects.ts'
import { askRedis } from './resp-client.ts'
import type { Settings } from './settings.ts'

/** From the moment the cluster runs until its example tenant answers. */
export const TENANT_MS_MAX = 90_000
/** From Ready until SET and GET work. */
export const ANSWER_MS_MAX = 20_000
const exampleManifest = join(import.meta.dirname, '..', '..', '..', 'examples', 'tenant.yaml')
const exampleNamespace = 'default'

export type Say = (line: string) => void

export type UpOptions = Omit<LaunchOptions, 'home'> & { readonly settings: Settings }

export async function up({ settings, ...launch }: UpOptions, say: Say): Promise<void> {
  const home = homeAt(settings.home)
  const startedAt = systemClock.now()
  const seconds = () => ((systemClock.now() - startedAt) / 1000).toFixed(1)
  const running = findDaemon(home)
  if (running === undefined) {
    say('Starting the cluster: Kubernetes API, three nodes, operator')
    for (const port of [settings.apiPort, settings.portBase]) await assertPortIsFree(port)
    openHome(home)
    const daemon = await launchDaemon({ home, ...launch })
    say(`[${seconds()} s] The API answers on ${daemon.apiUrl}`)
  } else {
    say(`The cluster runs already (process ${running.pid}); checking it again`)
  }
  const api = new ApiClient(readKubeconfig(home.kubeconfig))
  const tenant = await ensureExample(api)
  await untilReady(api, tenant, (line) => say(`[${seconds()} s] ${line}`))
  const binding = await readBinding(api, tenant)
  await untilItAnswers(binding)
  say(`[${seconds()} s] SET and GET through ${binding.host}:${binding.port} work`)
  for (const line of farewell(home, binding)) say(line)
}

export async function down(settings: Settings, say: Say): Promise<void> {
  const home = homeAt(settings.home)
  const daemon = findDaemon(home)
  if (daemon === undefined) say('The cluster does not run')
  else {
    await endDaemon(daemon)
    say('The cluster is stopped')
  }
  await new ProcessRecords(join(home.kubelet, 'processes')).endRemnants(systemClock)
  if (settings.deletesData) {
    await deleteHome(home)
    say(`Its objects and volumes are deleted (${home.directory})`)
  } else if (daemon !== undefined) {
    say('Its objects are kept: make up continues with them, make down DATA=delete removes them')
  }
}

/** Returns whether the cluster runs. */
export async function status(settings: Settings, say: Say): Promise<boolean> {
  const home = homeAt(settings.home)
  const daemon = findDaemon(home)
  if (daemon === undefined) {
    say('The cluster does not run: make up starts it')
    return false
  }
  say(`The cluster runs (process ${daemon.pid}), API ${daemon.apiUrl}`)
  say(`KUBECONFIG=${home.kubeconfig}`)
  const api = new ApiClient(readKubeconfig(home.kubeconfig))
  const { items } = listSchema.parse(await api.get(`/apis/${apiVersion}/tenantnodes`))
  for (const tenant of items) say(describeTenant(tenant))
  return true
}

const conditionSchema = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(''),
  message: z.string().default(''),
})

const tenantSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
  status: z
    .looseObject({
      phase: z.string().optional(),
      conditions: z.array(conditionSchema).default([]),
      endpoint: z.looseObject({ host: z.string(), port: z.int() }).optional(),
    })
    .prefault({}),
})

type Tenant = z.output<typeof tenantSchema>

const listSchema = z.looseObject({ items: z.array(tenantSchema) })

const tenantPath = (name = ''): string =>
  `/apis/${apiVersion}/namespaces/${exampleNamespace}/tenantnodes/${name}`.replace(/\/$/, '')
const corePath = (plural: string, name: string): string =>
  `/api/v1/namespaces/${exampleNamespace}/${plural}/${name}`

/** Makes the example tenant unless it is there, changed by its user or not. Returns its name. */
async function ensureExample(api: ApiClient): Promise<string> {
  const [example] = readManifests(exampleManifest)
  if (example === undefined) throw new Error(`${exampleManifest} is empty`)
  const { name } = example.metadata
  if ((await api.get(tenantPath(name))) === undefined) await api.create(tenantPath(), example)
  return name
}

/** Tells each change; rejects with the last known reason when the time is over. */
async function untilReady(api: ApiClient, name: string, say: Say): Promise<void> {
  let told = ''
  const isReady = await waitFor(async () => {
    const problem = await portProblem(api, name)
    if (problem !== undefined) throw new Error(problem)
    const { text, isFinished } = await readProgress(api, name)
    if (text !== told) say(text)
    told = text
    return isFinished
  }, TENANT_MS_MAX)
  if (isReady === true) return
  throw new Error(
    `tenant ${name} is not ready after ${TENANT_MS_MAX / 1000} s. Last seen: ${told}\n` +
      `kubectl describe tn ${name}, kubectl get events -A and the logs in MINIREDIS_HOME say more`,
  )
}

const podsSchema = z.looseObject({
  items: z.array(
    z.looseObject({
      status: z.looseObject({ conditions: z.array(conditionSchema).default([]) }).prefault({}),
    }),
  ),
})

async function readProgress(
  api: ApiClient,
  name: string,
): Promise<{ text: string; isFinished: boolean }> {
  const [pods, tenant] = await Promise.all([
    api.get(`/api/v1/namespaces/${operatorNamespace}/pods`),
    api.get(tenantPath(name)),
  ])
  const { items } = podsSchema.parse(pods)
  const readyPods = items.filter(({ status: { conditions } }) => isTrue(conditions, 'Ready')).length
  const parsed = tenantSchema.parse(tenant)
  const isFinished = isTrue(parsed.status.conditions, 'Ready') && readyPods === items.length
  const text = `Runtime pods ready: ${readyPods} of ${items.length}. ${describeTenant(parsed)}`
  return { text, isFinished: isFinished && items.length > 0 }
}

type Conditions = readonly z.output<typeof conditionSchema>[]

const isTrue = (conditions: Conditions, type: string): boolean =>
  conditions.some((one) => one.type === type && one.status === 'True')

function describeTenant({ metadata, status: { phase, conditions } }: Tenant): string {
  const ready = conditions.find(({ type }) => type === 'Ready')
  const why = ready === undefined || ready.status === 'True' ? '' : ` (${ready.message})`
  return `Tenant ${metadata.namespace}/${metadata.name}: ${phase ?? 'new'}${why}`
}

const serviceSchema = z.looseObject({
  status: z.looseObject({ conditions: z.array(conditionSchema).default([]) }).prefault({}),
})

async function portProblem(api: ApiClient, name: string): Promise<string | undefined> {
  const service = await api.get(corePath('services', name))
  if (service === undefined) return undefined
  const { conditions } = serviceSchema.parse(service).status
  return conditions.find(({ type, status: state }) => type === PORTS_ERROR && state === 'True')
    ?.message
}

interface Binding {
  readonly host: string
  readonly port: number
  readonly password: string
}

const secretSchema = z.looseObject({ data: z.record(z.string(), z.string()) })

async function readBinding(api: ApiClient, name: string): Promise<Binding> {
  const secretName = connectionSecretName(name)
  const { data } = secretSchema.parse(await api.get(corePath('secrets', secretName)))
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString('utf8')
  return { host: text('host'), port: Number(text('port')), password: text('password') }
}

/** A status may be older than the pods: right after a restart the endpoint moves once more. */
async function untilItAnswers(binding: Binding): Promise<void> {
  let problem = ''
  const answered = await waitFor(
    () =>
      useTenant(binding).then(
        () => true,
        (error: Error) => {
          problem = error.message
          return false
        },
      ),
    ANSWER_MS_MAX,
  )
  if (answered === true) return
  const { host, port } = binding
  throw new Error(`the tenant does not answer on ${host}:${port}. Last seen: ${problem}`)
}

async function useTenant({ host, port, password }: Binding): Promise<void> {
  const value = `it works, ${new Date(systemClock.now()).toISOString()}`
  const [, , answer] = await askRedis({ host, port }, [
    ['AUTH', password],
    ['SET', 'miniredis:up', value],
    ['GET', 'miniredis:up'],
  ])
  if (answer !== value) throw new Error(`GET gave ${answer}, not the ${value} that was SET`)
}

function farewell({ kubeconfig }: Home, { host, port, password }: Binding): readonly string[] {
  return [
    '',
    'MiniRedis is ready.',
    '',
    `  redis-cli -h ${host} -p ${port} -a ${password}`,
    `  export KUBECONFIG=${kubeconfig}`,
    '',
    'Try next:',
    '  kubectl get tn                            the tenants',
    '  kubectl apply -f examples/tenant.yaml     change limits, or give another name for another one',
    '  kubectl get pods -n miniredis             the three runtime pods',
    '  make down                                 stop everything, keep objects and data',
    '',
    'Keys are kept on disk: they survive their pods, and make down.',
  ]
}
