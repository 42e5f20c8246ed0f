/** The first ten minutes of a person: make up, look around, make down. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type RedisClientType } from 'redis'
import { type CommandResult, tryCommand } from '../kubernetes/command.ts'
import { RawApi } from '../src/api/raw-api.ts'
import { createKubectl, findKubectl } from '../src/kubectl.ts'
import type { KubeObject } from '../src/tenants.ts'

const repository = join(import.meta.dirname, '..', '..')
/** Away from a cluster that its owner may have running. */
const PORT_BASE = 28_001
const DEADLINE_MS = 120_000
const KEYS = 100

describe('make up', function () {
  this.timeout(DEADLINE_MS)
  let home = ''

  const make = (args: readonly string[]): Promise<CommandResult> =>
    tryCommand(['make', '--no-print-directory', ...args], {
      cwd: repository,
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        MINIREDIS_HOME: home,
        MINIREDIS_PORT_BASE: String(PORT_BASE),
      },
    })

  async function makes(args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await make(args)
    assert.equal(exitCode, 0, stdout + stderr)
    return stdout
  }

  async function tenantUid(): Promise<string> {
    const kubectl = createKubectl(await findKubectl(), join(home, 'kubeconfig'))
    return (await kubectl(['get', 'tn', 'cache', '-o', 'jsonpath={.metadata.uid}'])).stdout
  }

  async function withClient(use: (client: RedisClientType) => Promise<void>): Promise<void> {
    const printed = await makes(['up'])
    const [, password] = /redis-cli -h \S+ -p \d+ -a (\S+)/.exec(printed) ?? []
    const client: RedisClientType = createClient({
      socket: { host: '127.0.0.1', port: PORT_BASE },
      password,
    })
    await client.connect()
    try {
      await use(client)
    } finally {
      client.destroy()
    }
  }

  before(async () => {
    home = join(await mkdtemp(join(tmpdir(), 'miniredis-up-')), 'home')
  })

  after(async () => {
    await make(['down', 'DATA=delete'])
    await rm(join(home, '..'), { recursive: true })
  })

  it('ends with a tenant that answers, and says what to type', async () => {
    const printed = await makes(['up'])
    assert.match(printed, new RegExp(`redis-cli -h 127\\.0\\.0\\.1 -p ${PORT_BASE} -a \\S+`))
    assert.match(printed, new RegExp(`KUBECONFIG=${home}/kubeconfig`))
    assert.match(printed, /SET and GET/)
    assert.match(printed, /kept on disk/)
  })

  it('keeps the kubeconfig to its owner', async () => {
    assert.equal((await stat(join(home, 'kubeconfig'))).mode & 0o777, 0o600)
  })

  it('is harmless when it runs already', async () => {
    const before = await tenantUid()
    assert.match(await makes(['up']), /redis-cli -h/)
    assert.equal(await tenantUid(), before)
  })

  it('stops with objects and data kept, and goes on with them', async () => {
    const before = await tenantUid()
    await withClient(async (client) => {
      for (let index = 0; index < KEYS; index++) await client.set(`key-${index}`, `value-${index}`)
    })
    assert.match(await makes(['down']), /kept/)
    await makes(['up'])
    assert.equal(await tenantUid(), before)
    await withClient(async (client) => {
      for (let index = 0; index < KEYS; index++)
        assert.equal(await client.get(`key-${index}`), `value-${index}`)
    })
  })

  it('loses nothing that was answered when it is killed under load', async () => {
    const uid = await tenantUid()
    const written = await writeUntilKilled(home)
    assert.match(await makes(['up']), /SET and GET/)
    assert.equal(await tenantUid(), uid)
    const { body } = await new RawApi(join(home, 'kubeconfig')).call({ method: 'GET', path: maps })
    const kept = new Set((body.items as KubeObject[]).map(({ metadata }) => metadata.name))
    const lost = written.filter((name) => !kept.has(name))
    assert.deepEqual(lost, [])
  })

  it('removes the objects when asked to', async () => {
    await makes(['down', 'DATA=delete'])
    assert.ok(!existsSync(join(home, 'kubeconfig')))
  })

  for (const [what, port] of [
    ['a tenant', PORT_BASE],
    ['the API', PORT_BASE - 1],
  ] as const) {
    it(`names the port of ${what} when it is taken, and the variable to change`, async () => {
      const squatter = createServer().listen(port, '127.0.0.1')
      await once(squatter, 'listening')
      try {
        const { exitCode, stdout, stderr } = await make(['up'])
        assert.notEqual(exitCode, 0)
        assert.match(stdout + stderr, new RegExp(`port ${port}`))
        assert.match(stdout + stderr, /MINIREDIS_PORT_BASE/)
      } finally {
        squatter.close()
        await make(['down', 'DATA=delete'])
      }
    })
  }
})

const maps = '/api/v1/namespaces/default/configmaps'
const WRITERS = 8
const WRITES_BEFORE_KILL = 200

/** Writers that go on until the cluster is gone. The names of all objects that it said it has. */
async function writeUntilKilled(home: string): Promise<string[]> {
  const api = new RawApi(join(home, 'kubeconfig'))
  const { pid } = JSON.parse(await readFile(join(home, 'daemon.json'), 'utf8')) as { pid: number }
  const written: string[] = []
  const write = async (writer: number) => {
    for (let i = 0; ; i += 1) {
      const name = `load-${writer}-${i}`
      const { code } = await api.call({ method: 'POST', path: maps, body: { metadata: { name } } })
      assert.equal(code, 201)
      if (written.push(name) === WRITES_BEFORE_KILL) process.kill(pid, 'SIGKILL')
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: WRITERS }, (_, i) => write(i)))
  for (const end of ends) {
    assert.ok(
      end.status === 'rejected' && !(end.reason instanceof assert.AssertionError),
      String(end),
    )
  }
  return written
}
