/**
 * The whole cluster as one object: API, scheduler, kubelet, network and the operator. `make up` runs
 * one in the background; tests run several side by side, each with its own home and ports.
 */
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ApiServer } from '../api/api-server.ts'
import { type Clock, systemClock } from '../clock.ts'
import { Kubelet } from '../kubelet/kubelet.ts'
import { ProcessRecords } from '../kubelet/process-records.ts'
import { type ImageProgram, isImageNamed } from '../kubelet/program.ts'
import { EndpointSliceController } from '../network/endpoint-slice-controller.ts'
import { ServiceAddresses } from '../network/service-addresses.ts'
import { ServiceProxy } from '../network/service-proxy.ts'
import { Scheduler } from '../scheduler/scheduler.ts'
import { VolumeBinder } from '../scheduler/volume-binder.ts'
import { type OpenStore, openStore } from '../store/open-api-store.ts'
import { resources } from '../store/resources.ts'
import { type ApiCertificate, loadApiCertificate } from './api-certificate.ts'
import { type Home, type HomeFacts, homeAt, openHome, rememberFacts } from './home.ts'
import { buildKubeconfig } from './kubeconfig.ts'
import { acquireHome, acquireLoopbackRange, type Lock, type LoopbackRange } from './lock.ts'
import { installBasics, nodeNames, operatorNamespace } from './objects.ts'
import { OperatorProcess } from './operator-process.ts'
import { createPodLogs } from './pod-logs.ts'

const repository = join(import.meta.dirname, '..', '..', '..')
const definitions = join(repository, 'charts', 'miniredis', 'crds')
const API_HOST = '127.0.0.1'
/** The image that stands for this source tree. */
export const embeddedImage = 'miniredis:embedded'
/** How long containers may take to end when the cluster stops. */
export const STOP_GRACE_MS = 8000
const OPERATOR_STOP_GRACE_MS = 3000
const OPERATOR_PORT = 7000

export interface EmbeddedClusterOptions {
  readonly home: string
  /** 0: any free port, remembered for the next start. */
  readonly apiPort: number
  /** First port of LoadBalancer and NodePort Services. */
  readonly portBase: number
  /** false: nobody reconciles. */
  readonly hasOperator?: boolean
  /** What stands in for images; by default the programs of this source tree. */
  readonly programs?: readonly ImageProgram[]
  readonly log?: (message: string) => void
}

/** The programs of this source tree, at the paths that the image has them. */
export const sourcePrograms: readonly ImageProgram[] = [
  {
    matches: isImageNamed('miniredis'),
    paths: {
      '/usr/local/bin/node': process.execPath,
      '/app/runtime.mjs': join(repository, 'runtime', 'src', 'main.ts'),
      '/app/operator.mjs': join(repository, 'operator', 'src', 'main.ts'),
    },
  },
]

interface Parts {
  readonly opened: OpenStore
  readonly kubelet: Kubelet
  readonly network: readonly { start(): void; stop(): void }[]
  readonly operator: OperatorProcess | undefined
  readonly range: LoopbackRange
  readonly homeLock: Lock
}

export class EmbeddedCluster {
  readonly #options: EmbeddedClusterOptions
  readonly #home: Home
  readonly #clock: Clock = systemClock
  #facts: HomeFacts | undefined
  #parts: Parts | undefined
  #certificate: ApiCertificate | undefined
  #api: ApiServer | undefined
  #apiUrl = ''

  private constructor(options: EmbeddedClusterOptions) {
    this.#options = options
    this.#home = homeAt(options.home)
  }

  /** Resolves when the API answers and everything is started. Rejects with a message for people. */
  static async start(options: EmbeddedClusterOptions): Promise<EmbeddedCluster> {
    const cluster = new EmbeddedCluster(options)
    try {
      await cluster.#start()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  get kubeconfig(): string {
    return this.#home.kubeconfig
  }

  get apiUrl(): string {
    return this.#apiUrl
  }

  get operatorNamespace(): string {
    return operatorNamespace
  }

  get operatorTelemetry(): { readonly host: string; readonly port: number } {
    return { host: operatorAddress(this.#running.range), port: OPERATOR_PORT }
  }

  get operatorPid(): number | undefined {
    return this.#running.operator?.pid
  }

  get store() {
    return this.#running.opened.store
  }

  /** The API stops answering; pods and Services go on. */
  async stopApi(): Promise<void> {
    const api = this.#api
    this.#api = undefined
    await api?.close()
  }

  async startApi(): Promise<void> {
    if (this.#api !== undefined) return
    const { opened, kubelet } = this.#running
    const { token, apiPort = 0 } = this.#knownFacts
    const api = new ApiServer({
      ...opened,
      token,
      tls: this.#certificate,
      logs: createPodLogs(kubelet, this.#clock),
      onError: this.#report,
    })
    this.#apiUrl = await api.listen(API_HOST, apiPort).catch((error: unknown) => {
      throw explainListenError(error, apiPort)
    })
    this.#api = api
  }

  /** SIGKILL; a new one is started. */
  killOperator(): void {
    this.#running.operator?.kill()
  }

  /** A signal to the first process of a pod's container. false: it does not run. */
  signalPod(namespace: string, pod: string, signal: NodeJS.Signals): boolean {
    return this.#running.kubelet.signal(namespace, pod, signal)
  }

  podPid(namespace: string, pod: string): number | undefined {
    return this.#running.kubelet.pid(namespace, pod)
  }

  /** The directory of a claim's volume; undefined: no such claim. */
  volumeDirectory(namespace: string, name: string): string | undefined {
    const claim = this.store.find(resources.persistentVolumeClaims, { namespace, name })
    return claim && join(this.#home.volumes, `pvc-${claim.metadata.uid}`)
  }

  /** A Service's DNS name or an address as an address of this machine; undefined: no such Service. */
  resolve(host: string): string | undefined {
    if (/^[\d.]+$/.test(host)) return host
    const [name = '', namespace = 'default'] = host.split('.')
    const service = this.store.find(resources.services, { namespace, name })
    const spec = service?.spec as { clusterIP?: string } | undefined
    return spec?.clusterIP
  }

  /** Ends everything that it started; objects stay. May be called at any time, and again. */
  async stop(): Promise<void> {
    const parts = this.#parts
    this.#parts = undefined
    await parts?.operator?.stop(OPERATOR_STOP_GRACE_MS)
    await parts?.kubelet.stop(STOP_GRACE_MS)
    for (const part of parts?.network ?? []) part.stop()
    await this.#api?.close()
    this.#api = undefined
    parts?.opened.store.close()
    parts?.range.lock.release()
    parts?.homeLock.release()
  }

  get #running(): Parts {
    if (this.#parts === undefined) throw new Error('the cluster does not run')
    return this.#parts
  }

  get #knownFacts(): HomeFacts {
    if (this.#facts === undefined) throw new Error('the cluster was not started')
    return this.#facts
  }

  async #start(): Promise<void> {
    this.#facts = openHome(this.#home)
    const homeLock = await acquireHome(this.#home.directory)
    if (homeLock === undefined) {
      throw new Error(`a cluster runs already with MINIREDIS_HOME=${this.#home.directory}`)
    }
    try {
      const range = await acquireLoopbackRange(this.#facts.loopbackRange)
      this.#parts = this.#assemble(homeLock, range)
    } catch (error) {
      homeLock.release()
      throw error
    }
    await this.#openApi()
    installBasics(this.store, definitions, this.#clock.now())
    const { network, kubelet, operator } = this.#running
    for (const part of network) part.start()
    await kubelet.start()
    operator?.start()
  }

  /** The port that is asked for, the one of the last time, or a free one; written down at once. */
  async #openApi(): Promise<void> {
    const facts = this.#knownFacts
    const apiPort = this.#options.apiPort === 0 ? facts.apiPort : this.#options.apiPort
    const loopbackRange = this.#running.range.index
    this.#facts = { ...facts, loopbackRange, ...(apiPort !== undefined && { apiPort }) }
    const files = { certificate: this.#home.apiCertificate, privateKey: this.#home.apiKey }
    const pair = await loadApiCertificate(files, this.#clock.now())
    this.#certificate = pair
    await this.startApi()
    this.#facts = { ...this.#facts, apiPort: Number(new URL(this.#apiUrl).port) }
    await rememberFacts(this.#home, this.#facts)
    const access = { server: this.#apiUrl, token: facts.token, certificate: pair.certificate }
    await writeFile(this.#home.kubeconfig, buildKubeconfig(access), { mode: 0o600 })
  }

  #assemble(homeLock: Lock, range: LoopbackRange): Parts {
    const opened = openStore({
      path: this.#home.database,
      environment: {
        now: this.#clock.now,
        newUid: randomUUID,
        random: Math.random,
        defer: queueMicrotask,
        addresses: new ServiceAddresses(range.services, this.#options.portBase),
      },
    })
    const common = { store: opened.store, clock: this.#clock, onError: this.#report }
    const binder = new VolumeBinder({ ...common, directory: this.#home.volumes })
    const kubelet = new Kubelet({
      ...common,
      home: this.#home.kubelet,
      nodeNames,
      addressPrefix: range.pods,
      programs: this.#options.programs ?? sourcePrograms,
      claimDirectory: (claim) => binder.directoryOf(claim),
      path: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
    })
    const network = [
      binder,
      new Scheduler(common),
      new EndpointSliceController(common),
      new ServiceProxy(common),
    ]
    const operator = this.#options.hasOperator === false ? undefined : this.#createOperator(range)
    return { opened, kubelet, network, operator, range, homeLock }
  }

  #createOperator(range: LoopbackRange): OperatorProcess {
    return new OperatorProcess({
      argv: [process.execPath, join(repository, 'operator', 'src', 'main.ts')],
      env: {
        PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
        HOME: this.#home.directory,
        KUBECONFIG: this.#home.kubeconfig,
        MINIREDIS_NAMESPACE: operatorNamespace,
        MINIREDIS_IMAGE: embeddedImage,
        MINIREDIS_BIND: operatorAddress(range),
        MINIREDIS_OPERATOR_PORT: String(OPERATOR_PORT),
        MINIREDIS_EXIT_ON_STDIN_EOF: '1',
      },
      directory: this.#home.directory,
      logPath: this.#home.operatorLog,
      clock: this.#clock,
      records: new ProcessRecords(join(this.#home.kubelet, 'processes')),
      onEnd: (message) =>
        this.#options.log?.(`the operator ended (${message}) and is started again`),
    })
  }

  readonly #report = (error: unknown): void => {
    this.#options.log?.(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
}

function explainListenError(error: unknown, port: number): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  const why = code === 'EADDRINUSE' ? 'is taken by another program' : `is not available (${code})`
  return new Error(
    `port ${port} on ${API_HOST}, for the API, ${why}: stop that program, or choose other ports ` +
      'with MINIREDIS_PORT_BASE (the API has the port before it)',
    { cause: error },
  )
}

/** The one address of the pods' range that no pod gets. */
const operatorAddress = ({ pods }: LoopbackRange): string => `${pods}.255.255`
