/** Many tenants on one volume: what comes back, what does not, and what is refused. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Assignment, Persistence } from '@miniredis/crds'
import { startEngine, type TestEngine, tenant } from './engine.ts'
import type { RespClient } from './resp-client.ts'

const ok = '+OK\r\n'
const nil = '$-1\r\n'
const kept = (persistence: Partial<Persistence>): Partial<Assignment> => ({
  persistence: { mode: 'Both', fsync: 'Always', saveRules: [], ...persistence },
})

describe('persistence', () => {
  let directory: string
  let engine: TestEngine

  const start = async (...tenants: Assignment[]): Promise<void> => {
    engine = await startEngine(tenants, { directory })
    while ((engine.reports.at(-1)?.loading ?? []).length > 0) await nextTurn()
  }
  const restart = async (...tenants: Assignment[]): Promise<void> => {
    await engine.close()
    await start(...tenants)
  }
  const ask = async (name: string, ...words: string[]): Promise<string> => {
    const client = await engine.connectAs(name)
    const reply = await client.call(...words)
    client.close()
    return reply
  }
  const info = async (name: string, field: string): Promise<string> => {
    const [, value] = new RegExp(`${field}:(.*)\r\n`).exec(await ask(name, 'INFO')) ?? []
    return value ?? ''
  }
  const saved = async (name: string): Promise<void> => {
    const count = Number(await info(name, 'rdb_saves'))
    assert.equal(await ask(name, 'BGSAVE'), '+Background saving started\r\n')
    while (Number(await info(name, 'rdb_saves')) === count) await nextTurn()
  }
  const snapshots = (): string[] => readdirSync(join(directory, 'snapshots'))

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'persistence-'))
  })

  afterEach(async () => {
    await engine.close()
    assert.deepEqual(engine.failures, [])
    rmSync(directory, { recursive: true })
  })

  for (const mode of ['Log', 'Both'] as const) {
    it(`brings back what ${mode} kept, each tenant its own`, async () => {
      await start(tenant('a', kept({ mode })), tenant('b', kept({ mode })))
      assert.equal(await ask('a', 'SET', 'k', 'of a'), ok)
      assert.equal(await ask('b', 'SET', 'k', 'of b', 'EX', '100'), ok)
      await restart(tenant('a', kept({ mode })), tenant('b', kept({ mode })))
      assert.equal(await ask('a', 'GET', 'k'), '$4\r\nof a\r\n')
      assert.equal(await ask('b', 'GET', 'k'), '$4\r\nof b\r\n')
      assert.match(await ask('b', 'TTL', 'k'), /^:(100|99|9\d)\r\n$/)
    })
  }

  it('brings back a snapshot and what the log holds beyond it', async () => {
    await start(tenant('a', kept({})))
    await ask('a', 'INCR', 'n')
    await saved('a')
    await ask('a', 'INCR', 'n')
    await restart(tenant('a', kept({})))
    assert.equal(await ask('a', 'INCR', 'n'), ':3\r\n')
    assert.equal(snapshots().length, 1)
  })

  it('brings back other databases too, under a higher epoch', async () => {
    await start(tenant('a', kept({})))
    const client = await engine.connectAs('a')
    await client.call('SELECT', '5')
    await client.call('SET', 'k', 'v')
    await restart(tenant('a', { ...kept({}), epoch: 7 }))
    assert.equal(await ask('a', 'GET', 'k'), nil)
    const again = await engine.connectAs('a')
    await again.call('SELECT', '5')
    assert.equal(await again.call('GET', 'k'), '$1\r\nv\r\n')
  })

  it('keeps with Snapshot what the last snapshot had, the one at the end included', async () => {
    const rules = kept({ mode: 'Snapshot', saveRules: [[3600, 1]] })
    await start(tenant('a', rules))
    await ask('a', 'SET', 'k', 'v')
    assert.equal(await info('a', 'rdb_changes_since_last_save'), '1')
    assert.equal(await info('a', 'aof_enabled'), '0')
    await restart(tenant('a', rules))
    assert.equal(await ask('a', 'GET', 'k'), '$1\r\nv\r\n')
    assert.equal(await info('a', 'rdb_changes_since_last_save'), '0')
  })

  it('keeps nothing with None', async () => {
    await start(tenant('a', kept({ mode: 'None' })))
    await ask('a', 'SET', 'k', 'v')
    assert.equal(await ask('a', 'BGSAVE'), '-ERR this database lives in memory only\r\n')
    await restart(tenant('a', kept({ mode: 'None' })))
    assert.equal(await ask('a', 'GET', 'k'), nil)
  })

  it('begins a log for data that only a snapshot had, without a gap', async () => {
    await start(tenant('a', kept({ mode: 'Snapshot' })))
    await ask('a', 'SET', 'before', '1')
    engine.server.assign(tenant('a', kept({ mode: 'Both' })))
    await ask('a', 'SET', 'after', '2')
    while ((await info('a', 'rdb_saves')) === '0') await nextTurn()
    await ask('a', 'SET', 'later', '3')
    await restart(tenant('a', kept({ mode: 'Both' })))
    const reply = await ask('a', 'MGET', 'before', 'after', 'later')
    assert.equal(reply, '*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n')
  })

  it('forgets for good what is switched to None', async () => {
    await start(tenant('a', kept({})))
    await ask('a', 'SET', 'k', 'v')
    await saved('a')
    engine.server.assign(tenant('a', kept({ mode: 'None' })))
    await ask('a', 'SET', 'in', 'memory')
    await restart(tenant('a', kept({})))
    assert.equal(await ask('a', 'GET', 'k'), nil)
  })

  it('deletes a tenant with its data, which a namesake does not find', async () => {
    await start(tenant('a', kept({})), tenant('b', kept({})))
    await ask('a', 'SET', 'k', 'v')
    await saved('a')
    await ask('b', 'SET', 'k', 'b')
    assert.equal(engine.server.unassign('uid-a'), true)
    assert.deepEqual(snapshots(), [])
    engine.server.assign(tenant('a', { ...kept({}), epoch: 3 }))
    assert.equal(await ask('a', 'GET', 'k'), nil)
    await ask('a', 'SET', 'new', '1')
    await restart(tenant('a', { ...kept({}), epoch: 3 }), tenant('b', kept({})))
    assert.equal(await ask('a', 'MGET', 'k', 'new'), '*2\r\n$-1\r\n$1\r\n1\r\n')
    assert.equal(await ask('b', 'GET', 'k'), '$1\r\nb\r\n')
  })

  it('deletes at its start what was given up while it did not run', async () => {
    await start(tenant('a', kept({})), tenant('b', kept({})))
    await ask('a', 'SET', 'k', 'v')
    await saved('a')
    await restart(tenant('b', kept({})))
    assert.deepEqual(snapshots(), [])
  })

  it('does not serve a damaged snapshot, says so, and serves the others', async () => {
    await start(tenant('a', kept({})), tenant('b', kept({})))
    await ask('a', 'SET', 'k', 'v')
    await ask('b', 'SET', 'k', 'v')
    await saved('a')
    await engine.close()
    const [name] = snapshots()
    const path = join(directory, 'snapshots', name)
    const bytes = readFileSync(path)
    bytes[bytes.length - 12] ^= 1
    writeFileSync(path, bytes)
    await start(tenant('a', kept({})), tenant('b', kept({})))
    const refused = new RegExp(`^-ERR this database is not served: snapshots/${name} is damaged`)
    assert.match(await ask('a', 'GET', 'k'), refused)
    assert.match(await ask('a', 'SET', 'k', 'w'), refused)
    assert.equal(await ask('b', 'GET', 'k'), '$1\r\nv\r\n')
    const [damaged] = engine.reports.at(-1)?.damaged ?? []
    assert.equal(damaged?.tenantUid, 'uid-a')
    assert.equal(damaged?.file, `snapshots/${name}`)
    assert.deepEqual(readFileSync(path), bytes, 'the evidence stays')
  })

  it('keeps the order of replies that wait for the disk', async () => {
    await start(tenant('a', kept({})))
    const client = await engine.connectAs('a')
    client.write('SET k 1\r\nGET k\r\nINCR k\r\nPING\r\nINCR k\r\nQUIT\r\n')
    const replies: string[] = []
    for (let count = 0; count < 6; count++) replies.push(await client.reply())
    assert.deepEqual(replies, [ok, '$1\r\n1\r\n', ':2\r\n', '+PONG\r\n', ':3\r\n', ok])
    assert.equal(await client.untilEnd(), '')
  })

  it('takes a long pipeline of writes that wait, from many clients at once', async () => {
    await start(tenant('a', kept({})))
    const clients: RespClient[] = []
    for (let index = 0; index < 8; index++) clients.push(await engine.connectAs('a'))
    for (const client of clients) client.write('INCR n\r\n'.repeat(2000))
    for (const client of clients) {
      for (let count = 0; count < 2000; count++) assert.match(await client.reply(), /^:\d+\r\n$/)
    }
    assert.equal(await ask('a', 'GET', 'n'), '$5\r\n16000\r\n')
    await restart(tenant('a', kept({})))
    assert.equal(await ask('a', 'GET', 'n'), '$5\r\n16000\r\n')
  })

  it('tells a healthy volume once', async () => {
    await start(tenant('a', kept({})))
    await ask('a', 'SET', 'k', 'v')
    const { volume, loading, damaged } = engine.reports.at(-1) ?? assert.fail()
    assert.deepEqual([volume.state, loading, damaged], ['Healthy', [], []])
  })

  it('refuses to set what its TenantNode sets', async () => {
    await start(tenant('a', kept({})))
    assert.match(await ask('a', 'CONFIG', 'SET', 'appendonly', 'no'), /^-ERR .*TenantNode/)
    assert.equal(
      await ask('a', 'CONFIG', 'GET', 'appendfsync'),
      '*2\r\n$11\r\nappendfsync\r\n$6\r\nalways\r\n',
    )
  })
})

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
