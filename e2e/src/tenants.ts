/** Tenants as a developer has them: by kubectl and by a stock client. */
import assert from 'node:assert/strict'
import { createClient } from 'redis'
import type { Cluster, Way } from './cluster.ts'
import { untilOpen } from './doors.ts'
import { eventually } from './eventually.ts'

export interface KubeObject {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly uid: string
    readonly generation?: number
    readonly resourceVersion: string
    readonly labels?: Readonly<Record<string, string>>
  }
  // objects of every kind come through here; stories know what they read
  readonly spec: Record<string, never>
  readonly status?: TenantStatus
  readonly data?: Readonly<Record<string, string>>
}

export interface TenantStatus {
  readonly phase?: string
  readonly observedGeneration?: number
  readonly conditions?: readonly {
    readonly type: string
    readonly status: string
    readonly reason: string
    readonly message: string
  }[]
  readonly endpoint?: { readonly host: string; readonly port: number }
  readonly shards?: readonly { readonly primary: string; readonly epoch: number }[]
}

export interface Credentials {
  readonly username: string
  readonly password: string
}

export type TenantClient = ReturnType<typeof createTenantClient>

const createTenantClient = (way: Way, credentials: Partial<Credentials>) =>
  createClient({
    socket: { host: way.host, port: way.port, reconnectStrategy: false, connectTimeout: 5000 },
    ...credentials,
  })

/** kubectl that must succeed; its standard output. */
export async function kubectl(cluster: Cluster, args: readonly string[], input?: string) {
  const result = await cluster.kubectl(args, input)
  assert.equal(result.exitCode, 0, `kubectl ${args.join(' ')}: ${result.stderr}${result.stdout}`)
  return result.stdout
}

export async function get(cluster: Cluster, kind: string, name: string, namespace: string) {
  const text = await kubectl(cluster, ['get', kind, name, '-n', namespace, '-o', 'json'])
  return JSON.parse(text) as KubeObject
}

export async function list(cluster: Cluster, kind: string, args: readonly string[]) {
  const text = await kubectl(cluster, ['get', kind, ...args, '-o', 'json'])
  return (JSON.parse(text) as { items: KubeObject[] }).items
}

/** One tenant and the connections that a story opened to it. */
export class Tenant {
  readonly name: string
  readonly namespace: string
  readonly #cluster: Cluster
  readonly #clients: { client: TenantClient; way: Way }[] = []

  constructor(cluster: Cluster, namespace: string, name: string) {
    this.#cluster = cluster
    this.namespace = namespace
    this.name = name
  }

  manifest(spec: object): string {
    const metadata = { name: this.name, namespace: this.namespace }
    return JSON.stringify({
      apiVersion: 'miniredis.io/v1alpha1',
      kind: 'TenantNode',
      metadata,
      spec,
    })
  }

  async apply(spec: object = {}): Promise<this> {
    await kubectl(this.#cluster, ['apply', '-f', '-'], this.manifest(spec))
    return this
  }

  async becomesReady(timeoutSeconds = 60): Promise<this> {
    await kubectl(this.#cluster, [
      ...['wait', '--for=condition=Ready', `tn/${this.name}`],
      ...['-n', this.namespace, `--timeout=${timeoutSeconds}s`],
    ])
    return this
  }

  object(): Promise<KubeObject> {
    return get(this.#cluster, 'tn', this.name, this.namespace)
  }

  async credentials(): Promise<Credentials> {
    const secret = await get(this.#cluster, 'secret', `${this.name}-connection`, this.namespace)
    const decode = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString()
    return { username: decode('username'), password: decode('password') }
  }

  async primary(): Promise<string> {
    const pod = (await this.object()).status?.shards?.[0]?.primary
    assert.ok(pod, 'status.shards[0].primary is empty')
    return pod
  }

  /** A way to the ClusterIP of the tenant's Service. */
  async serviceWay(): Promise<Way> {
    const service = await get(this.#cluster, 'service', this.name, this.namespace)
    const { clusterIP, ports } = service.spec as unknown as {
      clusterIP: string
      ports: { port: number }[]
    }
    return untilOpen(await this.#cluster.reach(clusterIP, ports[0]?.port ?? 0))
  }

  /** A way to what status.endpoint says. */
  async endpointWay(): Promise<Way> {
    const endpoint = (await this.object()).status?.endpoint
    assert.ok(endpoint, 'status.endpoint is empty')
    return untilOpen(await this.#cluster.reach(endpoint.host, endpoint.port))
  }

  /** A connected node-redis client; closed with the story. Default: the tenant's own password. */
  async connect(way?: Way, credentials?: Partial<Credentials>): Promise<TenantClient> {
    const chosen = way ?? (await this.serviceWay())
    const login = credentials ?? { password: (await this.credentials()).password }
    const client = createTenantClient(chosen, login)
    client.on('error', () => undefined)
    this.#clients.push({ client, way: chosen })
    await client.connect()
    return client
  }

  async delete(): Promise<void> {
    await kubectl(this.#cluster, ['delete', 'tn', this.name, '-n', this.namespace, '--wait=true'])
  }

  async close(): Promise<void> {
    for (const { client, way } of this.#clients.splice(0)) {
      client.destroy()
      await way.close()
    }
  }
}

/** The tenant's condition of that type, or a failure that shows the whole status. */
export async function condition(tenant: Tenant, type: string) {
  const { status } = await tenant.object()
  const found = status?.conditions?.find((candidate) => candidate.type === type)
  assert.ok(found, `no condition ${type} in ${JSON.stringify(status)}`)
  return found
}

/** Waits until a command works again through a fresh connection. */
export function answersAgain(tenant: Tenant): Promise<void> {
  return eventually(async () => {
    const client = await tenant.connect()
    await client.set('answers', 'again')
    assert.equal(await client.get('answers'), 'again')
  })
}
