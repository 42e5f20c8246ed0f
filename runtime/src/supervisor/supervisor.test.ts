/** The supervisor with a fake engine program, in this process: real sockets, volume and children. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { assignmentDigest, operatorIdentity } from '@miniredis/crds'
import { silentLogger } from '../telemetry/logger.ts'
import type { EnginePatience } from './limits.ts'
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

  const start = async (patience: Partial<EnginePatience> = {}) => {
    supervisor = await Supervisor.start({
      configuration: configuration(),
      engineProgram,
      ports: { resp: 0, control: 0 },
      logger: silentLogger,
      nowMs: () => performance.now(),
      patience: { stopMs: 500, applyMs: 10_000, ...patience },
    })
  }
  const dial = () => {
    const client = new ControlClient(host, supervisor.view.controlPort, operator)
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
  /** Waits for a message while beating, as an operator does. */
  const untilNext = async <K extends 'engineExited' | 'engineStarted'>(
    client: ControlClient,
    kind: K,
  ) => {
    const beats = setInterval(() => client.send({ kind: 'beat', sequence: 0 }), 500)
    const message = await client.next(kind)
    clearInterval(beats)
    return message
  }
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

  it('tells every connection what the engine says of its volume', async () => {
    const client = await connected()
    await client.assign(assignmentOf('fills-the-volume'))
    await client.next('storage', ({ report }) => report.volume.state === 'Full')
    assert.equal((await dial().next('storage')).report.volume.state, 'Full')
  })

  describe('assignments', () => {
    it('are durable, served, and told to every connection', async () => {
      const client = await connected()
      const other = await connected()
      const assignment = assignmentOf('a', { epoch: 4 })
      assert.equal(await client.assign(assignment), null)
      assert.deepEqual(await served(), { a: 4 })
      const shard = {
        tenantUid: 'a',
        shard: 0,
        epoch: 4,
        digest: assignmentDigest(assignment),
        retained: false,
      }
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

    it('are closed to clients and kept, whatever restarts, until they are opened again', async () => {
      const client = await connected()
      await client.assign(assignmentOf('a'))
      await client.next('held')
      client.send({ kind: 'retain', requestId: 7_000, tenantUid: 'a', shard: 0, epoch: 1 })
      assert.equal((await client.next('held')).shard.retained, true)
      assert.deepEqual(await served(), { a: 1 })
      await supervisor.stop()
      await start()
      const again = await connected()
      assert.equal((await dial().next('hello')).held[0]?.retained, true)
      await again.assign(assignmentOf('a', { epoch: 2 }))
      assert.equal((await again.next('held')).shard.retained, false)
    })

    it('are not reported as given up while the engine may serve them', async () => {
      const client = await connected()
      await client.assign(assignmentOf('clings'))
      const refusal = await client.unassign('clings', 1)
      assert.deepEqual(refusal, { code: 'EngineFailed', message: 'this engine does not let go' })
      assert.ok(client.messages.every(({ kind }) => kind !== 'released'))
      assert.deepEqual(
        (await dial().next('hello')).held.map(({ tenantUid }) => tenantUid),
        ['clings'],
      )
      killEngine()
      assert.equal((await client.next('released')).tenantUid, 'clings')
      assert.deepEqual((await dial().next('hello')).held, [])
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
      const pid = supervisor.view.enginePid ?? 0
      process.kill(pid, 'SIGSTOP')
      const { progress } = await client.until('stalled')
      const result = client.assign(assignmentOf('a'))
      process.kill(pid, 'SIGCONT')
      assert.equal(await result, null)
      assert.ok((await client.until('running')).progress > progress)
    })

    it('that makes no progress for too long is killed and comes back', async () => {
      await supervisor.stop()
      await start({ stallMs: 2_000 })
      const client = await connected()
      process.kill(supervisor.view.enginePid ?? 0, 'SIGSTOP')
      assert.equal((await untilNext(client, 'engineExited')).signal, 'SIGKILL')
      await untilNext(client, 'engineStarted')
    })

    it('that crashes over a tenant does so alone: the member lives and can give it up', async () => {
      const client = await connected()
      await client.assign(assignmentOf('a'))
      const crashing = client.assign(assignmentOf('crashes'))
      for (let crash = 0; crash < 3; crash++) await untilNext(client, 'engineExited')
      await client.unassign('crashes', 1)
      await untilNext(client, 'engineStarted')
      await crashing
      assert.deepEqual(await served(), { a: 1 })
    })

    it('that does not want to close is killed', async () => {
      const client = await connected()
      await client.assign(assignmentOf('stubborn'))
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
})
