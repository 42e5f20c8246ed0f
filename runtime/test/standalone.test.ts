/** The program that people start by hand. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { freePort } from './redis-server.ts'
import { RespClient } from './resp-client.ts'

const program = join(import.meta.dirname, '../bin/miniredis-server')

function start(...flags: readonly string[]): ChildProcess {
  return spawn(program, flags, { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = await once(child.stdout ?? assert.fail(), 'data')
  return String(chunk)
}

async function outcome(child: ChildProcess): Promise<{ code: number; text: string }> {
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += chunk))
  const [code] = await once(child, 'close')
  return { code, text }
}

describe('miniredis-server', () => {
  it('says where it listens, serves, and ends on SIGTERM with open connections', async () => {
    const child = start('--port', '0', '--requirepass', 'secret', '--save', '')
    const line = await firstLine(child)
    const [, port, pid] = /^miniredis-server \S+ ready on port (\d+), pid (\d+)\n/.exec(line) ?? []
    assert.equal(Number(pid), child.pid)
    const client = await RespClient.connect(Number(port))
    assert.equal(await client.call('GET', 'a'), '-NOAUTH Authentication required.\r\n')
    assert.equal(await client.call('AUTH', 'secret'), '+OK\r\n')
    assert.equal(await client.call('SET', 'a', '1'), '+OK\r\n')
    const ended = outcome(child)
    child.kill('SIGTERM')
    assert.equal(await client.untilEnd(), '')
    assert.equal((await ended).code, 0)
  })

  it('lets everybody in without a password', async () => {
    const port = await freePort('127.0.0.1')
    const child = start('--port', String(port), '--databases', '2', '--save', '')
    await firstLine(child)
    const client = await RespClient.connect(port)
    assert.equal(await client.call('SELECT', '1'), '+OK\r\n')
    assert.equal(await client.call('SELECT', '2'), '-ERR DB index is out of range\r\n')
    assert.match(await client.call('INFO', 'server'), new RegExp(`tcp_port:${port}\r\n`))
    client.close()
    const ended = outcome(child)
    child.kill('SIGTERM')
    assert.equal((await ended).code, 0)
  })

  it('refuses what it does not know', async () => {
    const { code, text } = await outcome(start('--nope', '1'))
    assert.equal(code, 1)
    assert.match(text, /^miniredis-server: 'nope': Bad directive/)
  })

  it('names a port that is taken', async () => {
    const first = start('--port', '0', '--save', '')
    const [, port = ''] = /port (\d+)/.exec(await firstLine(first)) ?? []
    const { code, text } = await outcome(start('--port', port))
    assert.equal(code, 1)
    assert.match(text, new RegExp(`EADDRINUSE.*:${port}`))
    const ended = outcome(first)
    first.kill('SIGTERM')
    await ended
  })

  it('helps', async () => {
    const { code, text } = await outcome(start('--help'))
    assert.equal(code, 0)
    assert.match(text, /--requirepass/)
  })
})
