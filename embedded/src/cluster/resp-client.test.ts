import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { askRedis, decodeReply } from './resp-client.ts'

describe('RESP client of make up', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  const answering = async (...pieces: string[]) => {
    const server = createServer((socket) => {
      socket.once('data', () => {
        for (const piece of pieces) socket.write(piece)
        if (pieces.length === 0) socket.end()
      })
    }).listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  }
  const ask = async (...pieces: string[]) =>
    askRedis(await answering(...pieces), [
      ['AUTH', 'x'],
      ['GET', 'k'],
    ])

  it('reads one reply for each command', async () => {
    assert.deepEqual(await ask('+OK\r\n$5\r\nhe', 'llo\r\n'), ['OK', 'hello'])
  })

  it('rejects with what the server says', async () => {
    await assert.rejects(ask('-WRONGPASS invalid\r\n'), /^Error: WRONGPASS invalid$/)
    await assert.rejects(ask(), /closed before the answer/)
    await assert.rejects(ask('!\r\n'), /unexpected reply/)
  })

  it('waits for incomplete replies', () => {
    assert.equal(decodeReply(Buffer.from('$5\r\nhel')), undefined)
    assert.equal(decodeReply(Buffer.from('+O')), undefined)
    assert.deepEqual(decodeReply(Buffer.from('$-1\r\n')), { text: '', length: 5 })
    assert.deepEqual(decodeReply(Buffer.from(':7\r\n+x')), { text: '7', length: 4 })
  })
})
