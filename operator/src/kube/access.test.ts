import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { VirtualClock } from '../control/virtual-clock.ts'
import { loadKubeconfig, REREAD_MS } from './access.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'))
  try {
    await run(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Writes a kubeconfig with a decoy beside what is meant, and loads it. */
async function load(folder: string, cluster: object, user: object, clock = new VirtualClock()) {
  const path = join(folder, 'config')
  const server = 'https://api.example:6443'
  const config = {
    'current-context': 'mine',
    contexts: [
      { name: 'other', context: { cluster: 'other', user: 'other' } },
      { name: 'mine', context: { cluster: 'c', user: 'u' } },
    ],
    clusters: [
      { name: 'other', cluster: { server: 'https://other' } },
      { name: 'c', cluster: { server, ...cluster } },
    ],
    users: [
      { name: 'other', user: { token: 'other' } },
      { name: 'u', user },
    ],
  }
  await writeFile(path, stringify(config))
  return loadKubeconfig(path, clock)
}

describe('access', () => {
  it('takes the current context, with data in the file', () =>
    withFolder(async (folder) => {
      const access = await load(
        folder,
        { 'certificate-authority-data': base64('CA'), 'tls-server-name': 'api' },
        { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') },
      )
      assert.equal(access.server.host, 'api.example:6443')
      assert.deepEqual(await access.credentials(), {
        headers: {},
        tls: { ca: 'CA', cert: 'CERT', key: 'KEY', servername: 'api' },
      })
    }))

  it('reads files beside the kubeconfig, and again once in a while', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'ca.crt'), 'CA')
      await writeFile(join(folder, 'token'), 'first\n')
      const clock = new VirtualClock()
      const cluster = { 'certificate-authority': 'ca.crt' }
      const access = await load(folder, cluster, { tokenFile: 'token' }, clock)
      const authorization = async () => (await access.credentials()).headers.authorization
      assert.equal(await authorization(), 'Bearer first')
      await writeFile(join(folder, 'token'), 'second')
      assert.equal(await authorization(), 'Bearer first')
      await clock.advance(REREAD_MS)
      assert.equal(await authorization(), 'Bearer second')
    }))

  it('knows passwords and clusters that are not verified', () =>
    withFolder(async (folder) => {
      const insecure = { 'insecure-skip-tls-verify': true }
      const access = await load(folder, insecure, { username: 'u', password: 'p' })
      assert.deepEqual(await access.credentials(), {
        headers: { authorization: `Basic ${base64('u:p')}` },
        tls: { rejectUnauthorized: false },
      })
    }))

  it('asks exec plugins for tokens', () =>
    withFolder(async (folder) => {
      const credential = { kind: 'ExecCredential', status: { token: 'from-plugin' } }
      const exec = {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: process.execPath,
        args: ['-e', `console.log(${JSON.stringify(JSON.stringify(credential))})`],
      }
      const access = await load(folder, {}, { exec })
      const { headers } = await access.credentials()
      assert.equal(headers.authorization, 'Bearer from-plugin')
    }))

  it('says what is wrong', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'config')
      await writeFile(path, 'current-context: x\ncontexts: []\nclusters: []\nusers: []\n')
      await assert.rejects(loadKubeconfig(path, new VirtualClock()), /context x names no cluster/)
      await writeFile(path, 'nonsense')
      await assert.rejects(loadKubeconfig(path, new VirtualClock()), /config: /)
      await assert.rejects(
        load(folder, { server: 'ftp://api' }, {}),
        /clusters\[1\]\.cluster\.server/,
      )
    }))
})
