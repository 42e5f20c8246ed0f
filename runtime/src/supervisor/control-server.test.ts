/** The control door over real TLS: who gets in, and what closes a connection. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type MemberMessage, operatorIdentity } from '@miniredis/crds'
import { silentLogger } from '../telemetry/logger.ts'
import { ControlServer } from './control-server.ts'
import { CONTROL_CONNECTIONS_MAX, CONTROL_HANDSHAKES_MAX } from './limits.ts'
import {
  createTestAuthority,
  type Issued,
  type TestAuthority,
  writeTlsDirectory,
} from './testing/certificates.ts'
import { ControlClient } from './testing/control-client.ts'
import { readTlsMaterial, watchTlsMaterial } from './tls-files.ts'

const host = '127.0.0.1'
const memberUri = 'miniredis://miniredis/default/default-0-1'
const engine = { phase: 'running', bootNonce: 'boot-1', progress: 1, restarts: 0 } as const
const hello: MemberMessage = {
  kind: 'hello',
  protocolVersion: 1,
  member: 'default-0-1',
  podUid: 'pod-1',
  volumeNonce: 'volume-1',
  engine,
  held: [],
}

describe('the control door', () => {
  let authority: TestAuthority
  let operator: Issued
  let directory = ''
  let server: ControlServer
  let port = 0
  let unwatch: () => void = () => undefined
  const clients: ControlClient[] = []

  const dial = (issued: Issued | undefined = operator, options = {}) => {
    const client = new ControlClient(host, port, issued, options)
    clients.push(client)
    return client
  }
  const connected = async () => {
    const client = dial()
    await client.next('hello')
    return client
  }

  before(async () => {
    authority = await createTestAuthority()
    operator = await authority.issue(operatorIdentity('miniredis'))
  })
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'miniredis-door-'))
    writeTlsDirectory(directory, await authority.issue(memberUri))
    const tls = await readTlsMaterial(directory)
    server = new ControlServer({
      host,
      port: 0,
      tls,
      clientIdentity: operatorIdentity('miniredis'),
      greetings: () => [hello],
      handle: async (message, connection) => {
        if (message.kind !== 'beat') return
        connection.send({ kind: 'beatAnswer', sequence: message.sequence, engine })
      },
      logger: silentLogger,
    })
    unwatch = watchTlsMaterial({
      directory,
      current: tls,
      onChange: (material) => server.renew(material),
      logger: silentLogger,
      intervalMs: 20,
    })
    port = await server.listen()
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
    unwatch()
    await server.close()
    rmSync(directory, { recursive: true })
  })

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
      assert.equal(server.rejectedCount, 1)
    })
  }

  it('is shut to TLS 1.2', async () => {
    const client = dial(operator, { maxVersion: 'TLSv1.2' })
    assert.match(await client.closed, /protocol version/)
  })

  it('is shut to those who do not speak TLS', async () => {
    const socket = connect(port, host)
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
      assert.equal(server.connectionCount, 1)
    })
  }

  it('stays open for the operator however many strangers wait before it', async () => {
    const strangers = Array.from({ length: CONTROL_HANDSHAKES_MAX + 1 }, () => {
      const socket = connect(port, host)
      socket.on('error', () => undefined)
      return socket
    })
    const [oldest] = strangers
    await once(oldest as Socket, 'close')
    await connected()
    for (const stranger of strangers) stranger.destroy()
  })

  it('takes a frame in single bytes', async () => {
    const client = await connected()
    const body = '{"kind":"beat","sequence":77}'
    for (const byte of [0, 0, 0, body.length, ...Buffer.from(body)]) {
      client.socket.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal((await client.next('beatAnswer', ({ sequence }) => sequence === 77)).sequence, 77)
  })

  it('gives the oldest connection up for one more than it takes', async () => {
    const first = await connected()
    for (let index = 0; index < CONTROL_CONNECTIONS_MAX; index++) await connected()
    await first.closed
    assert.equal(server.connectionCount, CONTROL_CONNECTIONS_MAX)
  })

  it('shows a renewed certificate to new connections and keeps the open ones', async () => {
    const client = await connected()
    const before = client.socket.getPeerX509Certificate()?.fingerprint256
    const next = await createTestAuthority('CN=next CA')
    const renewed = await next.issue(memberUri)
    const ca = authority.ca + next.ca
    writeTlsDirectory(directory, { ...renewed, ca })
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
    writeFileSync(join(directory, 'tls.key'), other.key)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await connected()
  })
})
