/** Links over real TLS: against a member's door made here, and against the runtime program itself. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import {
  type Assignment,
  defaultPersistence,
  encodeFrame,
  FrameDecoder,
  type MemberMessage,
  parseOperatorMessage,
} from '@miniredis/crds'
import {
  type CertificatePair,
  issueCa,
  issueMemberCertificate,
  issueOperatorCertificate,
} from '../certificates/authority.ts'
import { systemClock } from '../control/clock.ts'
import { MemberLinks } from './member-links.ts'
import type { MemberReport } from './member-report.ts'
import { createTlsDialler, type OperatorCredentials } from './tls-dialler.ts'

const namespace = 'miniredis'
const pool = 'default'
const member = 'default-0-1'
const target = { pool, address: '127.0.0.1', podUid: 'pod-1' }
const nowMs = Date.now()
const hello: MemberMessage = {
  kind: 'hello',
  protocolVersion: 1,
  member,
  podUid: 'pod-1',
  volumeNonce: 'volume-1',
  engine: { phase: 'running', bootNonce: 'boot-1', progress: 1, restarts: 0 },
  held: [],
}
const assignment: Assignment = {
  tenantUid: 'a',
  shard: 0,
  epoch: 3,
  firstSlot: 0,
  lastSlot: 16_383,
  userName: 'cache.team-a',
  tenantId: 'ida',
  passwordHashes: [createHash('sha256').update('ida_secret').digest('hex')],
  memoryLimitBytes: 1 << 20,
  connectionsMax: 10,
  databases: 16,
  persistence: defaultPersistence,
  served: true,
}

describe('links over TLS', () => {
  let ca: CertificatePair
  let own: CertificatePair
  let operator: CertificatePair
  let links: MemberLinks
  let wake: () => void = () => undefined
  let credentials: () => OperatorCredentials

  const credentialsOf = ({ certificate, privateKey }: CertificatePair): OperatorCredentials => ({
    cert: certificate,
    key: privateKey,
    ca: ca.certificate,
  })

  before(async () => {
    ca = await issueCa(namespace, nowMs)
    own = await issueMemberCertificate(ca, { namespace, pool, member }, nowMs)
    operator = await issueOperatorCertificate(ca, namespace, nowMs)
  })
  beforeEach(() => {
    credentials = () => credentialsOf(operator)
    links = new MemberLinks({
      dial: createTlsDialler({ namespace, credentials: () => credentials() }),
      clock: systemClock,
      random: Math.random,
      onChange: () => wake(),
    })
    links.start()
  })
  afterEach(() => links.stop())

  /** Resolves when the member's report fits. */
  async function until(fits: (report: MemberReport) => boolean): Promise<MemberReport> {
    for (;;) {
      const report = links.report(member)
      if (report !== undefined && fits(report)) return report
      // Failures to connect are no news: looked at now and then.
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 20)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  describe('to a door', () => {
    let server: Server
    const sockets: TLSSocket[] = []

    async function open(pair: CertificatePair, greet: (socket: TLSSocket) => void) {
      server = createServer(
        {
          cert: pair.certificate,
          key: pair.privateKey,
          ca: ca.certificate,
          requestCert: true,
          rejectUnauthorized: true,
        },
        (socket) => {
          sockets.push(socket)
          socket.on('error', () => undefined)
          greet(socket)
        },
      )
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      links.ensure(member, { ...target, port: (server.address() as AddressInfo).port })
    }
    const sayHello = (socket: TLSSocket) => void socket.write(encodeFrame(hello))
    afterEach(() => {
      for (const socket of sockets.splice(0)) socket.destroy()
      server.close()
    })

    it('greets, and reconnects when the connection is lost', async () => {
      await open(own, sayHello)
      await until(({ connected }) => connected)
      sockets[0]?.destroy()
      await until(({ connected }) => !connected)
      await until(({ connected }) => connected)
      assert.equal(sockets.length, 2)
    })

    it('beats', async () => {
      const decoder = new FrameDecoder()
      await open(own, (socket) => {
        sayHello(socket)
        socket.on('data', (chunk: Buffer) => {
          for (const body of decoder.push(chunk)) {
            const message = parseOperatorMessage(body)
            if (message.kind !== 'beat') continue
            const { sequence } = message
            socket.write(encodeFrame({ kind: 'beatAnswer', sequence, engine: { ...engineAt(9) } }))
          }
        })
      })
      await until(({ engine }) => engine?.progress === 9)
    })

    it('takes no other member’s certificate', async () => {
      const other = { namespace, pool, member: 'default-1-1' }
      await open(await issueMemberCertificate(ca, other, nowMs), sayHello)
      const { failure } = await until((report) => /does not name/.test(report.failure ?? ''))
      assert.match(failure ?? '', /miniredis:\/\/miniredis\/default\/default-0-1/)
      assert.equal(sockets.length > 0 && links.report(member)?.connected, false)
    })

    it('takes no certificate of another CA', async () => {
      const stranger = await issueCa('other', nowMs)
      await open(
        await issueMemberCertificate(stranger, { namespace, pool, member }, nowMs),
        sayHello,
      )
      await until(({ failure }) => /unable to verify|self.signed|signature/.test(failure ?? ''))
    })

    it('hangs up on hostile frames and says why', async () => {
      await open(own, (socket) => void socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff])))
      await until(({ failure }) => /^OversizedFrame/.test(failure ?? ''))
    })

    it('waits for credentials', async () => {
      let isReady = false
      credentials = () => {
        if (!isReady) throw new Error('no authority yet')
        return credentialsOf(operator)
      }
      await open(own, sayHello)
      await until(({ failure }) => failure === 'no authority yet')
      isReady = true
      await until(({ connected }) => connected)
    })
  })

  describe('to the runtime program', function () {
    this.timeout(30_000)
    const program = join(import.meta.dirname, '../../../runtime/src/main.ts')
    const address = `127.${randomInt(20, 250)}.${randomInt(256)}.${randomInt(1, 255)}`
    let directory = ''
    let child: ChildProcess

    function run(): void {
      child = spawn(process.execPath, [program], {
        stdio: ['pipe', 'ignore', 'inherit'],
        env: {
          MINIREDIS_NAMESPACE: namespace,
          MINIREDIS_POOL: pool,
          MINIREDIS_MEMBER: member,
          MINIREDIS_POD_UID: 'pod-1',
          MINIREDIS_DATA_DIR: join(directory, 'data'),
          MINIREDIS_TLS_DIR: directory,
          MINIREDIS_BIND: address,
          MINIREDIS_EXIT_ON_STDIN_EOF: '1',
        },
      })
    }
    const stop = async (signal: NodeJS.Signals) => {
      child.kill(signal)
      await once(child, 'exit')
    }

    before(() => {
      directory = mkdtempSync(join(tmpdir(), 'miniredis-link-'))
      mkdirSync(join(directory, 'data'))
      writeFileSync(join(directory, 'tls.crt'), own.certificate)
      writeFileSync(join(directory, 'tls.key'), own.privateKey)
      writeFileSync(join(directory, 'ca.crt'), ca.certificate)
    })
    after(() => rmSync(directory, { recursive: true }))

    it('assigns, learns of exits, gives up, and finds everything again after a restart', async () => {
      run()
      links.ensure(member, { ...target, address })
      const { volumeNonce } = await until(({ engine }) => engine?.phase === 'running')
      assert.deepEqual(await links.assign(member, assignment), { kind: 'done' })
      assert.equal(links.report(member)?.held.get('a/0')?.epoch, 3)
      const stale = await links.unassign(member, { tenantUid: 'a', shard: 0, epoch: 2 })
      assert.deepEqual(
        [
          stale.kind,
          stale.kind === 'refused' && stale.code,
          stale.kind === 'refused' && stale.epochMin,
        ],
        ['refused', 'StaleEpoch', 3],
      )
      await stop('SIGTERM')
      const { exits } = await until(({ connected }) => !connected)
      assert.deepEqual([exits.at(-1)?.exitCode, exits.at(-1)?.podUid], [0, 'pod-1'])
      run()
      const again = await until(({ connected, engine }) => connected && engine?.phase === 'running')
      assert.equal(again.volumeNonce, volumeNonce)
      assert.equal(again.held.get('a/0')?.epoch, 3)
      const givenUp = { tenantUid: 'a', shard: 0, epoch: 3 }
      assert.deepEqual(await links.unassign(member, givenUp), { kind: 'done' })
      assert.equal(links.report(member)?.held.size, 0)
      await stop('SIGTERM')
    })
  })
})

const engineAt = (progress: number) => ({
  phase: 'running' as const,
  bootNonce: 'boot-1',
  progress,
  restarts: 0,
})
