import assert from 'node:assert/strict'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { containerSchema, probeSchema } from '../kinds.ts'
import { checkProbe } from './probe-check.ts'

const portOf = (server: Server) => (server.address() as AddressInfo).port

describe('probe checks', () => {
  const address = '127.0.0.1'
  let seen: IncomingMessage | undefined
  const http = createHttpServer((request, response) => {
    seen = request
    if (request.url === '/silent') return
    response.statusCode = request.url === '/ok' ? 200 : 503
    response.end()
  })
  const tcp = createServer((socket) => socket.end())

  before(async () => {
    for (const server of [http, tcp]) {
      await new Promise<void>((resolve) => server.listen(0, address, resolve))
    }
  })
  after(() => {
    http.closeAllConnections()
    http.close()
    tcp.close()
  })

  const check = (probe: object) => {
    const container = containerSchema.parse({
      name: 'main',
      ports: [{ name: 'http', containerPort: portOf(http) }],
    })
    return checkProbe(probeSchema.parse(probe), {
      container,
      podIP: address,
      env: { WORD: 'fine' },
      directory: '/',
      translate: (word) => (word === 'node' ? process.execPath : word),
    })
  }

  it('asks over HTTP, by port name, with headers', async () => {
    const httpHeaders = [{ name: 'X-Why', value: 'probe' }]
    const { result } = await check({ httpGet: { path: '/ok', port: 'http', httpHeaders } })
    assert.equal(result, 'success')
    assert.equal(seen?.headers['x-why'], 'probe')
  })

  it('fails on a bad status, on silence, on an unknown port', async () => {
    const bad = await check({ httpGet: { path: '/bad', port: portOf(http) } })
    assert.match(bad.message, /statuscode: 503/)
    const silent = await check({ httpGet: { path: '/silent', port: 'http' } })
    assert.equal(silent.result, 'failure')
    const unknown = await check({ httpGet: { path: '/ok', port: 'grpc' } })
    assert.match(unknown.message, /unknown port grpc/)
  })

  it('connects over TCP', async () => {
    assert.equal((await check({ tcpSocket: { port: portOf(tcp) } })).result, 'success')
    assert.equal((await check({ tcpSocket: { port: 1 } })).result, 'failure')
  })

  it('runs a command in the environment of the container', async () => {
    const run = (script: string) => check({ exec: { command: ['node', '-e', script] } })
    assert.equal((await run('process.exit(process.env.WORD === "fine" ? 0 : 1)')).result, 'success')
    assert.equal((await run('process.exit(1)')).result, 'failure')
    assert.equal((await run('setInterval(() => {}, 1000)')).result, 'failure')
  })

  it('fails a probe that asks nothing', async () => {
    assert.equal((await check({})).result, 'failure')
  })
})
