/** What miniredis-server keeps in its directory, and redis-server's file that it takes over. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startRedisServer } from './redis-server.ts'
import { RespClient } from './resp-client.ts'

const run = promisify(execFile)
const program = join(import.meta.dirname, '../src/standalone-main.ts')
const ok = '+OK\r\n'

describe('miniredis-server with a directory', function () {
  this.timeout(20_000)
  let directory: string
  let child: ChildProcess | undefined

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'standalone-'))
  })

  afterEach(async () => {
    await ended('SIGKILL')
    rmSync(directory, { recursive: true })
  })

  async function start(...flags: string[]): Promise<RespClient> {
    const words = [program, '--port', '0', '--dir', directory, ...flags]
    child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(child.stdout ?? assert.fail(), 'data')
    const client = await RespClient.connect(Number(/port (\d+)/.exec(String(line))?.[1]))
    while ((await client.call('PING')) !== '+PONG\r\n') {
      await new Promise((resolve) => setImmediate(resolve))
    }
    return client
  }

  async function ended(signal?: NodeJS.Signals): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    if (signal !== undefined) child.kill(signal)
    await exited
  }

  const dumpFile = (): string => join(directory, 'dump.rdb')

  it('saves when it is told to, in the order of the commands', async () => {
    const client = await start('--save', '')
    client.write('SET k v\r\nSAVE\r\nPING\r\nDBSIZE\r\n')
    const replies: string[] = []
    for (let count = 0; count < 4; count++) replies.push(await client.reply())
    assert.deepEqual(replies, [ok, ok, '+PONG\r\n', ':1\r\n'])
    await run('redis-check-rdb', [dumpFile()])
    await ended('SIGKILL')
    const again = await start('--save', '')
    assert.equal(await again.call('GET', 'k'), '$1\r\nv\r\n')
  })

  it('saves at its end if it has save rules', async () => {
    const client = await start('--save', '3600', '1')
    await client.call('SET', 'k', 'v')
    await ended('SIGTERM')
    assert.ok(existsSync(dumpFile()))
  })

  it('saves nothing at its end without save rules', async () => {
    const client = await start('--save', '')
    await client.call('SET', 'k', 'v')
    await ended('SIGTERM')
    assert.ok(!existsSync(dumpFile()))
  })

  for (const [words, rules, isSaved] of [
    [['SHUTDOWN'], ['--save', '3600', '1'], true],
    [['SHUTDOWN', 'NOSAVE'], ['--save', '3600', '1'], false],
    [['SHUTDOWN', 'SAVE'], ['--save', ''], true],
  ] as const) {
    it(`${words.join(' ')} with ${rules.join(' ')}`, async () => {
      const client = await start(...rules)
      await client.call('SET', 'k', 'v')
      client.write(`${words.join(' ')}\r\n`)
      assert.equal(await client.untilEnd(), '')
      await ended()
      assert.equal(existsSync(dumpFile()), isSaved)
    })
  }

  it('takes over what redis-server saved, and keeps it in its log', async () => {
    const redis = await startRedisServer(['--dir', directory])
    const theirs = await RespClient.connect(redis.port)
    await theirs.call('SET', 'k', 'v')
    await theirs.call('SET', 'n', '41', 'EX', '1000')
    assert.equal(await theirs.call('SAVE'), ok)
    theirs.close()
    await redis.close()
    const client = await start('--appendonly', 'yes', '--save', '')
    assert.equal(await client.call('INCR', 'n'), ':42\r\n')
    while (!/rdb_saves:1/.test(await client.call('INFO', 'persistence'))) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal(await client.call('INCR', 'n'), ':43\r\n')
    assert.equal(await client.call('CONFIG', 'SET', 'appendfsync', 'always'), ok)
    assert.equal(await client.call('INCR', 'n'), ':44\r\n')
    await ended('SIGKILL')
    const again = await start('--appendonly', 'yes', '--save', '')
    assert.equal(await again.call('MGET', 'k', 'n'), '*2\r\n$1\r\nv\r\n$2\r\n44\r\n')
    assert.match(await again.call('TTL', 'n'), /^:9\d\d\r\n$/)
  })

  for (const [words, error] of [
    [['appendonly', 'yes'], /start the server with --appendonly yes/],
    [['appendfsync', 'daily'], /must be one of/],
    [['save', '1'], /Invalid save parameters/],
    [['dir', '/'], /can't set immutable config/],
    [['nothing', '1'], /^-ERR Unknown option/],
  ] as const) {
    it(`refuses CONFIG SET ${words.join(' ')}`, async () => {
      const client = await start('--save', '')
      assert.match(await client.call('CONFIG', 'SET', ...words), error)
    })
  }

  it('changes save rules while it runs', async () => {
    const client = await start('--save', '')
    assert.equal(await client.call('CONFIG', 'SET', 'save', '3600 1 60 5'), ok)
    const reply = await client.call('CONFIG', 'GET', 'save')
    assert.equal(reply, '*2\r\n$4\r\nsave\r\n$11\r\n3600 1 60 5\r\n')
    await client.call('SET', 'k', 'v')
    assert.match(await client.call('INFO', 'persistence'), /rdb_changes_since_last_save:1\r\n/)
  })
})
