/** The supervisor with a fake engine program, in this process: real sockets, volume and children. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { assignmentDigest, operatorIdentity } from '@miniredis/crds'
import { silentLogger } from '../telemetry/logger.ts'
import { CONTROL_CONNECTIONS_MAX } from './limits.ts'
import { Supervisor } from './supervisor.ts'
import { assignmentOf } from './testing/assignments.ts'
import {
  createTestAuthority,
  type Issued,
  type TestAuthority,
  writeTlsDirectory,
} from './testing/certificates.ts'
import { ControlClient } from './testing/control-client.ts'

const host = '127.0.0.1'
const engineProgram = join(import.meta.dirname, 'testing', 'fake-engine.ts')
const memberUri = 'miniredis://miniredis/default/default-0-1'

describe('the supervisor', () => {
  let authority: TestAuthority
  let operator: Issued
  let directory = ''
  let supervisor: Supervisor
  const clients: ControlClient[] = []

  const configuration = () => ({
    MINIREDIS_NAMESPACE: 'miniredis',
    MINIREDIS_POOL: 'default',
    MINIREDIS_MEMBER: 'default-0-1',
    MINIREDIS_POD_UID: 'pod-1',
    MINIREDIS_DATA_DIR: join(directory, 'data'),
    MINIREDIS_TLS_DIR: join(directory, 'tls'),
    MINIREDIS_BIND: host,
    MINIREDIS_EXIT_ON_STDIN_EOF: '0' as const,
  })

  const start = async () => {
    supervisor = await Supervisor.start({
      configuration: configuration(),
      engineProgram,
      ports: { resp: 0, control: 0 },
      logger: silentLogger,
      nowMs: () => performance.now(),
      tlsReloadIntervalMs: 20,
    })
  }
  const dial = (issued: Issued | undefined = operator, options = {}) => {
    const client = new ControlClient(host, supervisor.view.controlPort, issued, options)
    clients.push(client)
    return client
  }
  /** A client that has been greeted while the engine runs. */
  const connected = async () => {
    const client = dial()
    await client.next('hello')
    await client.until('running')
    return client
  }
  const served = async (): Promise<unknown> =>
    JSON.parse(await text(connect(supervisor.view.enginePort ?? 0, host)))
  const killEngine = () => process.kill(supervisor.view.enginePid ?? 0, 'SIGKILL')

  before(async () => {
    authority = await createTestAuthority()
    operator = await authority.issue(operatorIdentity('miniredis'))
  })
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'miniredis-supervisor-'))
    writeTlsDirectory(join(directory, 'tls'), await authority.issue(memberUri))
    await start()
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
    await supervisor.stop()
    rmSync(directory, { recursive: true })
  })

  describe('assignments', () => {
    it('are durable, served, and told to every connection', async () => {
      const client = await connected()
      const other = await connected()
      const assignment = assignmentOf('a', { epoch: 4 })
      assert.equal(await client.assign(assignment), null)
      assert.deepEqual(await served(), { a: 4 })
      const shard = { tenantUid: 'a', shard: 0, epoch: 4, digest: assignmentDigest(assignment) }
      assert.deepEqual((await other.next('held')).shard, shard)
      assert.deepEqual((await dial().next('hello')).held, [shard])
    })

    it('are given up for good', async () => {
      const client = await connected()
      await client.assign(assignmentOf('a'))
      assert.equal(await client.unassign('a', 1), null)
      assert.deepEqual(await served(), {})
      assert.equal((await client.next('released')).tenantUid, 'a')
      const refusal = await client.assign(assignmentOf('a'))
      assert.deepEqual([refusal?.code, refusal?.epochMin], ['StaleEpoch', 2])
    })

    it('come a thousand in a burst', async () => {
      const client = await connected()
      const uids = Array.from({ length: 1000 }, (_, index) => `t${index}`)
      const refusals = await Promise.all(uids.map((uid) => client.assign(assignmentOf(uid))))
      assert.deepEqual(new Set(refusals), new Set([null]))
      assert.deepEqual(await served(), Object.fromEntries(uids.map((uid) => [uid, 1])))
      assert.equal((await dial().next('hello')).held.length, 1000)
    })

    it('that the engine refuses are not reported as held, until it serves them', async () => {
      const client = await connected()
      const refusal = await client.assign(assignmentOf('refused'))
      assert.deepEqual(refusal, { code: 'EngineFailed', message: 'this engine refuses' })
      assert.deepEqual((await dial().next('hello')).held, [])
      assert.equal(supervisor.view.shardsFailed, 1)
      assert.equal(await client.unassign('refused', 1), null)
      assert.equal(supervisor.view.shardsFailed, 0)
    })

    it('outlive the supervisor: it serves them again with no operator', async () => {
      const client = await connected()
      await client.assign(assignmentOf('a', { epoch: 4 }))
      const { volumeNonce } = supervisor.view
      await supervisor.stop()
      await start()
      const again = dial()
      const hello = await again.next('hello')
      assert.deepEqual([hello.volumeNonce, hello.held.length], [volumeNonce, 1])
      await again.until('running')
      assert.deepEqual(await served(), { a: 4 })
    })
  })

  describe('the engine', () => {
    it('that is killed is reported at once and comes back with its tenants and epochs', async () => {
      const client = await connected()
      await client.assign(assignmentOf('a', { epoch: 4 }))
      const { engine } = await client.beat()
      killEngine()
      const exit = await client.next('engineExited')
      assert.deepEqual(
        [exit.bootNonce, exit.exitCode, exit.signal],
        [engine.bootNonce, null, 'SIGKILL'],
      )
      const started = await client.next('engineStarted', (each) => each.engine.restarts === 1)
      assert.equal(started.engine.phase, 'running')
      assert.notEqual(started.engine.bootNonce, engine.bootNonce)
      assert.deepEqual(await served(), { a: 4 })
    })

    it('that is down gets what came meanwhile with its start', async () => {
      const client = await connected()
      killEngine()
      await client.next('engineExited')
      assert.equal(await client.assign(assignmentOf('a')), null)
      await client.until('running')
      assert.deepEqual(await served(), { a: 1 })
    })

    it('that hangs is stalled, and running again when it goes on', async () => {
      const client = await connected()
      const result = client.assign(assignmentOf('hangs'))
      const { progress } = await client.until('stalled')
      assert.equal(supervisor.view.engine.phase, 'stalled')
      assert.equal(await result, null)
      assert.ok((await client.until('running')).progress > progress)
    })

    it('that does not want to close is killed', async function () {
      this.timeout(10_000)
      const client = await connected()
      await client.assign(assignmentOf('stubborn'))
      const beats = setInterval(() => client.send({ kind: 'beat', sequence: 0 }), 500)
      void client.closed.then(() => clearInterval(beats))
      await supervisor.stop()
      const { signal } = await client.next('engineExited')
      assert.equal(signal, 'SIGKILL')
    })

    it('that closes on request says so', async () => {
      const client = await connected()
      await supervisor.stop()
      const { exitCode } = await client.next('engineExited')
      assert.equal(exitCode, 0)
    })
  })

  describe('its control door', () => {
    const refused: readonly [title: string, issue: () => Promise<Issued | undefined>][] = [
      ['without a certificate', async () => undefined],
      [
        'with a certificate of another CA',
        async () => {
          const stranger = await createTestAuthority('CN=other CA')
          return { ...(await stranger.issue(operatorIdentity('miniredis'))), ca: authority.ca }
        },
      ],
      ['with a member’s certificate', () => authority.issue(memberUri)],
      ['with another namespace’s operator', () => authority.issue(operatorIdentity('other'))],
    ]
    for (const [title, issue] of refused) {
      it(`is shut to a peer ${title}`, async () => {
        const issued = await issue()
        const client =
          issued === undefined
            ? dial({ cert: '', key: '', ca: authority.ca }, { cert: undefined, key: undefined })
            : dial(issued)
        await client.closed
        assert.deepEqual(client.messages, [])
        assert.equal(supervisor.view.controlRejections, 1)
      })
    }

    it('is shut to TLS 1.2', async () => {
      const client = dial(operator, { maxVersion: 'TLSv1.2' })
      assert.match(await client.closed, /protocol version/)
    })

    it('is shut to those who do not speak TLS', async () => {
      const socket = connect(supervisor.view.controlPort, host)
      socket.on('error', () => undefined)
      socket.write('*1\r\n$4\r\nPING\r\n')
      assert.equal((await text(socket)).includes('hello'), false)
    })

    const hostile: readonly [title: string, bytes: Buffer][] = [
      ['an oversized length', Buffer.from([0xff, 0xff, 0xff, 0xff])],
      ['an empty frame', Buffer.alloc(4)],
      ['garbage', Buffer.from('\0\0\0\x05{{{{{', 'latin1')],
      ['an unknown message', Buffer.from('\0\0\0\x0e{"kind":"die"}', 'latin1')],
    ]
    for (const [title, bytes] of hostile) {
      it(`closes on ${title}, and nothing else`, async () => {
        const [victim, client] = [await connected(), await connected()]
        client.socket.write(bytes)
        await client.closed
        await victim.beat(2)
        assert.equal(supervisor.view.controlConnections, 1)
      })
    }

    it('takes a frame in single bytes', async () => {
      const client = await connected()
      const body = '{"kind":"beat","sequence":77}'
      for (const byte of [0, 0, 0, body.length, ...Buffer.from(body)]) {
        client.socket.write(Buffer.of(byte))
        await new Promise((resolve) => setImmediate(resolve))
      }
      assert.equal(
        (await client.next('beatAnswer', ({ sequence }) => sequence === 77)).sequence,
        77,
      )
    })

    it('gives the oldest connection up for one more than it takes', async () => {
      const first = await connected()
      for (let index = 0; index < CONTROL_CONNECTIONS_MAX; index++) await connected()
      await first.closed
      assert.equal(supervisor.view.controlConnections, CONTROL_CONNECTIONS_MAX)
    })

    it('shows a renewed certificate to new connections and keeps the open ones', async () => {
      const client = await connected()
      const before = client.socket.getPeerX509Certificate()?.fingerprint256
      const next = await createTestAuthority('CN=next CA')
      const renewed = await next.issue(memberUri)
      const ca = authority.ca + next.ca
      writeTlsDirectory(join(directory, 'tls'), { ...renewed, ca })
      const nextOperator = await next.issue(operatorIdentity('miniredis'))
      let after = before
      while (after === before) {
        await new Promise((resolve) => setTimeout(resolve, 10))
        const probe = dial({ ...nextOperator, ca })
        const greeting = probe.next('hello').then(() => 'greeted')
        if ((await Promise.race([greeting, probe.closed])) !== 'greeted') continue
        after = probe.socket.getPeerX509Certificate()?.fingerprint256
      }
      assert.equal((await client.beat(3)).sequence, 3)
      await dial({ ...operator, ca }).next('hello')
    })

    it('keeps its certificate while the new files do not fit together', async () => {
      const other = await authority.issue(memberUri)
      writeFileSync(join(directory, 'tls', 'tls.key'), other.key)
      await new Promise((resolve) => setTimeout(resolve, 100))
      await connected()
    })
  })
})
