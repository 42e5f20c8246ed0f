/** Tenants share pods and never see each other. */
import assert from 'node:assert/strict'
import { eventually } from '../src/eventually.ts'
import { story } from '../src/story.ts'
import type { TenantClient } from '../src/tenants.ts'

const errorOf = async (attempt: Promise<unknown>): Promise<string> => {
  try {
    await attempt
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

const statistic = (info: string, field: string): string | undefined =>
  info.match(new RegExp(`^${field}:(.*?)\r?$`, 'm'))?.[1]

describe('isolation', () => {
  story('two tenants with the same keys never see each other', async ({ tenant }) => {
    const [red, blue] = [await tenant('red').apply(), await tenant('blue').apply()]
    await Promise.all([red.becomesReady(), blue.becomesReady()])
    const [redClient, blueClient] = [await red.connect(), await blue.connect()]
    await redClient.set('colour', 'red')
    await blueClient.set('colour', 'blue')
    await redClient.set('only-red', '1')
    assert.equal(await redClient.get('colour'), 'red')
    assert.equal(await blueClient.get('colour'), 'blue')
    assert.deepEqual(await blueClient.keys('*'), ['colour'])
    await redClient.sendCommand(['CLIENT', 'SETNAME', 'red-client'])
    const clients = String(await blueClient.sendCommand(['CLIENT', 'LIST']))
    assert.equal(clients.trim().split('\n').length, 1, clients)
    assert.ok(!clients.includes('red-client'))
    await checkInfo(redClient, blueClient)
  })

  async function checkInfo(redClient: TenantClient, blueClient: TenantClient): Promise<void> {
    const before = String(await blueClient.sendCommand(['INFO']))
    for (let i = 0; i < 100; i++) await redClient.incr('counter')
    const after = String(await blueClient.sendCommand(['INFO']))
    const processed = (info: string) => Number(statistic(info, 'total_commands_processed'))
    assert.ok(processed(after) - processed(before) <= 2, 'the other tenant moved my statistics')
    assert.equal(statistic(after, 'connected_clients'), '1')
    assert.match(after, /db0:keys=1,/)
  }

  story('whatever is wrong with a login, the error is the same', async ({ tenant }) => {
    const [red, blue] = [await tenant('red').apply(), await tenant('blue').apply()]
    await Promise.all([red.becomesReady(), blue.becomesReady()])
    const own = await red.credentials()
    const other = await blue.credentials()
    const wrong: readonly Partial<typeof own>[] = [
      { username: own.username, password: `${own.password.slice(0, -1)}~` },
      { username: own.username, password: other.password },
      { username: 'nobody.nowhere', password: own.password },
      { password: 'nonsense' },
      { password: `${own.password.split('_')[0]}_${'x'.repeat(32)}` },
    ]
    const errors = new Set<string>()
    for (const login of wrong) errors.add(await errorOf(red.connect(undefined, login)))
    assert.deepEqual([...errors], ['WRONGPASS invalid username-password pair or user is disabled.'])
  })

  story('at the memory limit writes fail and reads go on', async ({ tenant }) => {
    const cache = await tenant('cache').apply({ memory: { limit: '2Mi' } })
    await cache.becomesReady()
    const client = await cache.connect()
    await client.set('kept', 'value')
    const oom = await errorOf(fill(client))
    assert.match(oom, /^OOM command not allowed when used memory > 'maxmemory'/)
    assert.equal(await client.get('kept'), 'value')
    await cache.apply({ memory: { limit: '64Mi' } })
    await eventually(async () => assert.equal(await client.set('more', 'room'), 'OK'))
    assert.equal(await client.get('kept'), 'value')
  })

  async function fill(client: TenantClient): Promise<void> {
    for (let i = 0; i < 100; i++) await client.set(`filler-${i}`, 'x'.repeat(100_000))
  }

  story('the connection limit refuses that tenant only', async ({ tenant }) => {
    const small = await tenant('small').apply({ limits: { connections: 2 } })
    const other = await tenant('other').apply()
    await Promise.all([small.becomesReady(), other.becomesReady()])
    const first = await small.connect()
    await small.connect()
    assert.match(await errorOf(small.connect()), /max number of clients/)
    const neighbour = await other.connect()
    assert.equal(await neighbour.ping(), 'PONG')
    await small.apply({ limits: { connections: 3 } })
    await eventually(async () => void (await small.connect()))
    assert.equal(await first.ping(), 'PONG')
  })
})
