/**
 * How to reach and convince the API server: a kubeconfig, or the service account of the pod.
 *
 * The plain ways (tokens, client certificates, passwords) are read here. Everything else that a
 * kubeconfig can name (exec plugins, OIDC, cloud providers, proxies) is client-node's, which is
 * loaded only then: it costs 90 MB and a second, and neither a pod nor the embedded cluster needs it.
 */
import { readFile } from 'node:fs/promises'
import type { Agent } from 'node:http'
import type { RequestOptions } from 'node:https'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import type { Clock } from '../control/clock.ts'

export interface ApiAccess {
  /** Where the API is. */
  readonly server: URL
  /** Everything of a request that concerns trust and identity, asked for at each request. */
  credentials(): Promise<Credentials>
}

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>
  /** Set when requests have to go through a proxy. */
  readonly proxy?: Agent
}

/** Tokens and certificates in files are rotated under us; client-go reads as often. */
export const REREAD_MS = 60_000

const clusterSchema = z.looseObject({
  server: z.url({ protocol: /^https?$/ }),
  'certificate-authority': z.string().optional(),
  'certificate-authority-data': z.base64().optional(),
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': z.string().optional(),
  'proxy-url': z.string().optional(),
})
const userSchema = z.looseObject({
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  'client-certificate': z.string().optional(),
  'client-certificate-data': z.base64().optional(),
  'client-key': z.string().optional(),
  'client-key-data': z.base64().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  exec: z.unknown().optional(),
  'auth-provider': z.unknown().optional(),
})
const kubeconfigSchema = z.looseObject({
  'current-context': z.string().min(1),
  contexts: z.array(
    z.looseObject({
      name: z.string(),
      context: z.looseObject({ cluster: z.string(), user: z.string() }),
    }),
  ),
  clusters: z.array(z.looseObject({ name: z.string(), cluster: clusterSchema })),
  users: z.array(z.looseObject({ name: z.string(), user: userSchema })),
})

export interface AccessPoint {
  readonly cluster: z.output<typeof clusterSchema>
  readonly user: z.output<typeof userSchema>
}

/** @throws Error that says what is wrong with the kubeconfig */
export async function loadKubeconfig(path: string, clock: Clock): Promise<ApiAccess> {
  const { cluster, user } = currentAccessPoint(await readFile(path, 'utf8'), path)
  const isPlain = !('exec' in user || 'auth-provider' in user || 'proxy-url' in cluster)
  if (isPlain) return createApiAccess({ cluster, user }, clock, dirname(path))
  const { loadWithClientNode } = await import('./client-node-access.ts')
  return loadWithClientNode(path)
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/** The API as every pod finds it; host and port come from the pod's environment. */
export function loadServiceAccount(host: string, port: number, clock: Clock): ApiAccess {
  const cluster = {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    'certificate-authority': 'ca.crt',
  }
  return createApiAccess({ cluster, user: { tokenFile: 'token' } }, clock, serviceAccount)
}

/** @param directory where relative file names start */
export function createApiAccess(
  { cluster, user }: AccessPoint,
  clock: Clock,
  directory: string,
): ApiAccess {
  const text = (file: string | undefined, data: string | undefined) =>
    createText({ clock, file: file && resolve(directory, file), data })
  const ca = text(cluster['certificate-authority'], cluster['certificate-authority-data'])
  const cert = text(user['client-certificate'], user['client-certificate-data'])
  const key = text(user['client-key'], user['client-key-data'])
  const token = text(user.tokenFile, user.token && Buffer.from(user.token).toString('base64'))
  const verify = cluster['insecure-skip-tls-verify'] === true ? { rejectUnauthorized: false } : {}
  const { 'tls-server-name': servername } = cluster
  const credentials = async (): Promise<Credentials> => ({
    headers: authorization(user, await token()),
    tls: present({ ...verify, servername, ca: await ca(), cert: await cert(), key: await key() }),
  })
  return { server: new URL(cluster.server), credentials }
}

function currentAccessPoint(text: string, path: string): AccessPoint {
  const parsed = kubeconfigSchema.safeParse(parse(text))
  if (!parsed.success) throw new Error(`${path}: ${z.prettifyError(parsed.error)}`)
  const { 'current-context': current, contexts, clusters, users } = parsed.data
  const context = contexts.find(({ name }) => name === current)?.context
  const cluster = clusters.find(({ name }) => name === context?.cluster)?.cluster
  const user = users.find(({ name }) => name === context?.user)?.user
  if (cluster === undefined || user === undefined) {
    throw new Error(`${path}: context ${current} names no cluster and user of the file`)
  }
  return { cluster, user }
}

interface TextSource {
  readonly clock: Clock
  readonly file: string | undefined
  /** Base64; counts instead of the file. */
  readonly data: string | undefined
}

/** A text that is fixed, or read again from its file once in a while. */
function createText({ clock, file, data }: TextSource): () => Promise<string | undefined> {
  const fixed = data && Buffer.from(data, 'base64').toString()
  if (fixed || file === undefined) return async () => fixed
  let known: { readonly text: string; readonly readMs: number } | undefined
  return async () => {
    if (known !== undefined && clock.monotonic() - known.readMs < REREAD_MS) return known.text
    const text = await readFile(file, 'utf8')
    known = { text, readMs: clock.monotonic() }
    return text
  }
}

function authorization(
  { username, password = '' }: AccessPoint['user'],
  token: string | undefined,
): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token.trim()}` }
  if (username === undefined) return {}
  const both = Buffer.from(`${username}:${password}`).toString('base64')
  return { authorization: `Basic ${both}` }
}

const present = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
