/** The kubeconfig that kubectl and the operator use. */
import { readFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import { z } from 'zod'

const NAME = 'miniredis'

export interface ApiAccess {
  readonly server: string
  readonly token: string
  /** PEM. */
  readonly certificate: string
}

export function buildKubeconfig({ server, token, certificate }: ApiAccess): string {
  const authority = Buffer.from(certificate).toString('base64')
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': NAME,
    clusters: [{ name: NAME, cluster: { server, 'certificate-authority-data': authority } }],
    contexts: [{ name: NAME, context: { cluster: NAME, user: NAME, namespace: 'default' } }],
    users: [{ name: NAME, user: { token } }],
  })
}

const kubeconfigSchema = z.looseObject({
  clusters: z.tuple([
    z.looseObject({
      cluster: z.looseObject({ server: z.string(), 'certificate-authority-data': z.string() }),
    }),
  ]),
  users: z.tuple([z.looseObject({ user: z.looseObject({ token: z.string() }) })]),
})

/** Reads what buildKubeconfig wrote. */
export function readKubeconfig(path: string): ApiAccess {
  const { clusters, users } = kubeconfigSchema.parse(parse(readFileSync(path, 'utf8')))
  const { server, 'certificate-authority-data': authority } = clusters[0].cluster
  const certificate = Buffer.from(authority, 'base64').toString('utf8')
  return { server, token: users[0].user.token, certificate }
}
