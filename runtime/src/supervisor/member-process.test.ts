/** A whole member as a pod runs it: the supervisor program, its engine, a volume, certificates. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Assignment, operatorIdentity, ports } from '@miniredis/crds'
import { exitCodes } from './exit-codes.ts'
import { assignmentOf } from './testing/assignments.ts'
import { createTestAuthority, type Issued, writeTlsDirectory } from './testing/certificates.ts'
import { ControlClient } from './testing/control-client.ts'

const program = join(import.meta.dirname, '..', 'main.ts')
const fakeEngine = join(import.meta.dirname, 'testing', 'fake-engine.ts')
const password = 'ida_0123456789abcdef'
const tenant = (changes: Partial<Assignment> = {}): Assignment =>
  assignmentOf('a', {
    passwordHashes: [createHash('sha256').update(password).digest('hex')],
    ...changes,
  })

interface Member {
  readonly process: ChildProcess
  /** Everything that supervisor and engine wrote, once both are gone. */
  readonly output: Promise<string>
  readonly exited: Promise<[code: number | null, signal: string | null]>
}

describe('a member', function () {
  this.timeout(30_000)
  let operator: Issued
  let directory = ''
  let host = ''
  const started: ChildProcess[] = []
  const clients: ControlClient[] = []

  const environment = () => ({
    MINIREDIS_NAMESPACE: 'miniredis',
    MINIREDIS_POOL: 'default',
    MINIREDIS_MEMBER: 'default-0-1',
    MINIREDIS_POD_UID: 'pod-1',
    MINIREDIS_DATA_DIR: join(directory, 'data'),
    MINIREDIS_TLS_DIR: join(directory, 'tls'),
    MINIREDIS_BIND: host,
  })

  function run(changes: Record<string, string> = {}): Member {
    const env = { ...environment(), ...changes }
    const child = spawn(process.execPath, [program], { env, stdio: ['pipe', 'pipe', 'inherit'] })
    started.push(child)
    return {
      process: child,
      output: text(child.stdout as NodeJS.ReadableStream & AsyncIterable<Buffer>),
      exited: once(child, 'exit') as Promise<[number | null, string | null]>,
    }
  }

  /** Dials until somebody answers, as the operator does. */
  async function dial(): Promise<ControlClient> {
    for (;;) {
      const client = new ControlClient(host, ports.control, operator)
      clients.push(client)
      const greeted = client.next('hello').then(() => true)
      if (await Promise.race([greeted, client.closed.then(() => false)])) return client
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async function dialRunning(): Promise<ControlClient> {
    const client = await dial()
    await client.until('running')
    return client
  }

  async function redis(...commands: string[]): Promise<string> {
    const socket = connect(ports.resp, host)
    socket.write([`AUTH ${password}`, ...commands, 'QUIT', ''].join('\r\n'))
    return text(socket)
  }

  const get = async (path: string) => {
    const response = await fetch(`http://${host}:${ports.telemetry}${path}`)
    return { status: response.status, body: await response.text() }
  }

  const engineFacts = async () => JSON.parse((await get('/health/detailed')).body)

  before(async () => {
    const authority = await createTestAuthority()
    operator = await authority.issue(operatorIdentity('miniredis'))
    directory = mkdtempSync(join(tmpdir(), 'miniredis-member-'))
    const own = await authority.issue('miniredis://miniredis/default/default-0-1')
    writeTlsDirectory(join(directory, 'tls'), own)
  })
  after(() => rmSync(directory, { recursive: true }))
  beforeEach(() => {
    host = `127.${randomInt(20, 250)}.${randomInt(256)}.${randomInt(1, 255)}`
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
    for (const child of started.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    }
    rmSync(join(directory, 'data'), { recursive: true, force: true })
  })

  it('serves a tenant, and has its keys again after the engine was killed', async () => {
    run()
    const client = await dialRunning()
    const assigned = tenant({
      epoch: 5,
      persistence: { mode: 'Log', fsync: 'Always', saveRules: [] },
    })
    assert.equal(await client.assign(assigned), null)
    assert.equal(await redis('SET k v', 'GET k'), '+OK\r\n+OK\r\n$1\r\nv\r\n+OK\r\n')
    process.kill((await engineFacts()).enginePid, 'SIGKILL')
    assert.equal((await client.next('engineExited')).signal, 'SIGKILL')
    const { engine } = await client.next(
      'engineStarted',
      (message) => message.engine.restarts === 1,
    )
    assert.equal(engine.phase, 'running')
    let reply = '-LOADING'
    while (reply.includes('-LOADING')) reply = await redis('GET k')
    assert.equal(reply, '+OK\r\n$1\r\nv\r\n+OK\r\n')
    assert.equal((await client.assign(tenant({ epoch: 4 })))?.code, 'StaleEpoch')
  })

  it('serves again after its supervisor was killed, with no operator; no engine is left', async () => {
    const first = run()
    const client = await dialRunning()
    await client.assign(tenant({ epoch: 5 }))
    first.process.kill('SIGKILL')
    // Both hold standard output: its end is the end of both.
    await first.output
    run()
    let reply = ''
    while (!reply.startsWith('+OK')) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      reply = await redis('PING').catch(() => '')
    }
    assert.equal(reply, '+OK\r\n+PONG\r\n+OK\r\n')
    const hello = await new ControlClient(host, ports.control, operator).next('hello')
    assert.deepEqual(
      hello.held.map(({ tenantUid, epoch }) => [tenantUid, epoch]),
      [['a', 5]],
    )
  })

  it('stops with grace on SIGTERM', async () => {
    const member = run()
    const client = await dialRunning()
    member.process.kill('SIGTERM')
    assert.deepEqual(await member.exited, [exitCodes.ok, null])
    assert.equal((await client.next('engineExited')).exitCode, 0)
    assert.match(await member.output, /"reason":"SIGTERM"/)
  })

  it('stops when its standard input ends, where it is told to', async () => {
    const member = run({ MINIREDIS_EXIT_ON_STDIN_EOF: '1' })
    await dialRunning()
    member.process.stdin?.end()
    assert.deepEqual(await member.exited, [exitCodes.ok, null])
  })

  it('answers probes, health and scrapes', async () => {
    run()
    const client = await dialRunning()
    await client.assign(tenant())
    assert.deepEqual(await get('/livez'), { status: 200, body: 'ok\n' })
    assert.deepEqual(await get('/readyz'), { status: 200, body: 'ok\n' })
    const { status, engine, tenantsHeld } = JSON.parse((await get('/health')).body)
    assert.deepEqual([status, engine.phase, tenantsHeld], ['ok', 'running', 1])
    assert.equal((await engineFacts()).checks.length, 5)
    const metrics = (await get('/metrics')).body
    assert.match(metrics, /^miniredis_runtime_engine_up 1$/m)
    assert.match(metrics, /^miniredis_runtime_tenants_held 1$/m)
    assert.equal((await get('/nothing')).status, 404)
    assert.equal((await get('/constructor')).status, 404)
    process.kill((await engineFacts()).enginePid, 'SIGSTOP')
    await client.until('stalled')
    const stalled = await get('/readyz')
    assert.deepEqual([stalled.status, stalled.body], [503, 'engine: engine is stalled\n'])
    assert.equal((await get('/livez')).status, 200)
    process.kill((await engineFacts()).enginePid, 'SIGKILL')
    await client.next('engineStarted', (message) => message.engine.restarts === 1)
  })

  it('never writes a password or its hash to its log', async () => {
    const member = run()
    const client = await dialRunning()
    await client.assign(tenant())
    await redis('PING')
    client.socket.write(Buffer.from('\0\0\0\x02{]', 'latin1'))
    await client.closed
    member.process.kill('SIGTERM')
    const output = await member.output
    assert.match(output, /NotJson/)
    assert.equal(output.includes(password), false)
    assert.equal(output.includes(tenant().passwordHashes[0] ?? ''), false)
  })

  describe('says by its exit code', () => {
    const fails = async (changes: Record<string, string>, code: number, message: RegExp) => {
      const member = run(changes)
      assert.deepEqual(await member.exited, [code, null])
      assert.match(await member.output, message)
    }

    it('that its environment is wrong', () =>
      fails({ MINIREDIS_MEMBER: '' }, exitCodes.configuration, /MINIREDIS_MEMBER/))

    it('that it has no certificate', () =>
      fails({ MINIREDIS_TLS_DIR: '/nowhere' }, exitCodes.configuration, /\/nowhere\/tls.crt/))

    for (const port of [ports.control, ports.telemetry]) {
      it(`that port ${port} is taken`, async () => {
        const server = createServer().listen(port, host)
        await once(server, 'listening')
        await fails({}, exitCodes.unavailable, new RegExp(`port ${host}:${port}: .*EADDRINUSE`))
        server.close()
      })
    }

    it('that its volume is damaged, naming file and byte', async () => {
      const member = run()
      await (await dialRunning()).assign(tenant())
      member.process.kill('SIGTERM')
      await member.exited
      const path = join(directory, 'data', 'assignments.journal')
      const bytes = readFileSync(path)
      bytes[30] ^= 1
      writeFileSync(path, bytes)
      await fails({}, exitCodes.damagedState, /assignments\.journal: damaged at byte 0/)
    })
  })

  it('has an engine that dies with its supervisor even while its event loop hangs', async () => {
    const engine = spawn(process.execPath, [fakeEngine], {
      stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
    })
    started.push(engine)
    const address = { host, port: 0, bootNonce: 'b', dataDirectory: '' }
    engine.send({ kind: 'start', ...address, assignments: [] })
    await once(engine, 'message')
    engine.send({ kind: 'assign', requestId: 1, assignment: assignmentOf('hangs-for-ever') })
    engine.stdin?.end()
    assert.deepEqual(await once(engine, 'exit'), [null, 'SIGKILL'])
  })
})
