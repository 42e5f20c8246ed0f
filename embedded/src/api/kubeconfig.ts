/** The kubeconfig of the embedded cluster: a file that only its owner can read. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { stringify } from 'yaml'

export interface KubeconfigOptions {
  /** 'http://127.0.0.1:6443' */
  readonly server: string
  readonly token: string
  readonly namespace?: string | undefined
}

const NAME = 'miniredis'

export function buildKubeconfig({ server, token, namespace = 'default' }: KubeconfigOptions) {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: NAME, cluster: { server } }],
    users: [{ name: NAME, user: { token } }],
    contexts: [{ name: NAME, context: { cluster: NAME, user: NAME, namespace } }],
    'current-context': NAME,
  }
}

/** Written beside and renamed, so that nobody reads half a file or one with loose permissions. */
export function writeKubeconfig(path: string, options: KubeconfigOptions): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.new`
  writeFileSync(temporary, stringify(buildKubeconfig(options)), { mode: 0o600 })
  renameSync(temporary, path)
}
