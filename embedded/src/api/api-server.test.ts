import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { Fields } from '../schema/schema.ts'
import { resources } from '../store/resources.ts'
import { openTestApi, type TestApi, widgetDefinition } from '../testing.ts'
import { ApiServer, CONNECTIONS_MAX, URL_LENGTH_MAX } from './api-server.ts'
import { BODY_BYTES_MAX } from './json-body.ts'
import { WATCH_UNSENT_BYTES_MAX } from './watch-endpoint.ts'

const TOKEN = 'a-token-for-tests'
const PODS = '/api/v1/namespaces/default/pods'
const MAPS = '/api/v1/namespaces/default/configmaps'
const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets'

interface Reply {
  readonly code: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: replies of every kind are looked into
  readonly body: any
}

describe('the API over HTTP', () => {
  let api: TestApi
  let server: ApiServer
  let base = ''

  beforeEach(async () => {
    // watches answer at once, so that tests need not pump
    api = openTestApi({ defer: queueMicrotask, historyEventsMax: 20 })
    api.store.create(resources.customResourceDefinitions, widgetDefinition)
    server = new ApiServer({
      ...api,
      token: TOKEN,
      logs: { read: (_pod, { container }) => Readable.from([`lines of ${container}\n`]) },
    })
    base = await server.listen('127.0.0.1', 0)
  })

  afterEach(async () => {
    await server.close()
    api.store.close()
  })

  async function call(method: string, path: string, body?: unknown, headers: Fields = {}) {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        'content-type': 'application/json',
        ...headers,
      } as Record<string, string>,
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    const parsed = isJson && text !== '' ? JSON.parse(text) : undefined
    return { code: response.status, headers: response.headers, text, body: parsed } as Reply
  }

  const configMap = (name: string, data = {}) => ({ metadata: { name }, data })

  it('lets nobody in without the token', async () => {
    for (const authorization of ['', 'Bearer wrong', `Basic ${TOKEN}`, `Bearer ${TOKEN}x`]) {
      const { code, body } = await call('GET', PODS, undefined, { authorization })
      assert.deepEqual([code, body.reason], [401, 'Unauthorized'])
    }
    assert.equal((await call('GET', '/livez', undefined, { authorization: '' })).text, 'ok')
    const version = await call('GET', '/version', undefined, { authorization: '' })
    assert.match(version.body.gitVersion, /^v1\.34\./)
  })

  it('creates, reads, changes and deletes', async () => {
    const created = await call('POST', MAPS, configMap('a', { x: '1' }))
    assert.equal(created.code, 201)
    const { resourceVersion } = created.body.metadata
    const again = await call('POST', MAPS, configMap('a'))
    assert.deepEqual([again.code, again.body.reason], [409, 'AlreadyExists'])
    assert.deepEqual(again.body.details, { name: 'a', kind: 'configmaps' })
    const stale = { metadata: { name: 'a', resourceVersion: '1' } }
    assert.equal((await call('PUT', `${MAPS}/a`, stale)).body.reason, 'Conflict')
    const fresh = { metadata: { name: 'a', resourceVersion }, data: { x: '2' } }
    assert.deepEqual((await call('PUT', `${MAPS}/a`, fresh)).body.data, { x: '2' })
    const merge = { 'content-type': 'application/merge-patch+json' }
    await call('PATCH', `${MAPS}/a`, { data: { y: '3' } }, merge)
    assert.deepEqual((await call('GET', `${MAPS}/a`)).body.data, { x: '2', y: '3' })
    assert.equal((await call('DELETE', `${MAPS}/a`)).body.status, 'Success')
    assert.equal((await call('GET', `${MAPS}/a`)).code, 404)
  })

  it('applies YAML, says who manages it, and warns of unknown fields', async () => {
    const apply = { 'content-type': 'application/apply-patch+yaml' }
    const path = `${WIDGETS}/w?fieldManager=me`
    const created = await call(
      'PATCH',
      path,
      'apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 3}\n',
      apply,
    )
    assert.deepEqual([created.code, created.body.metadata.managedFields[0].manager], [201, 'me'])
    const odd = { metadata: { name: 'v' }, spec: { nonsense: 1 } }
    const warned = await call('POST', WIDGETS, odd)
    assert.match(
      warned.headers.get('warning') ?? '',
      /^299 - "unknown field \\"spec\.nonsense\\""$/,
    )
    const strict = await call('POST', `${WIDGETS}?fieldValidation=Strict`, odd)
    assert.deepEqual([strict.code, strict.body.reason], [400, 'BadRequest'])
    const twice = '{"metadata":{"name":"u"},"spec":{"size":1,"size":2}}'
    const duplicate = await call('POST', `${WIDGETS}?fieldValidation=Strict`, twice)
    assert.match(duplicate.body.message, /duplicate field "spec\.size"/)
  })

  it('draws tables', async () => {
    await call('POST', WIDGETS, { metadata: { name: 'w' }, spec: { size: 3 } })
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
    const { body } = await call('GET', WIDGETS, undefined, { accept })
    assert.equal(body.kind, 'Table')
    assert.deepEqual(
      body.columnDefinitions.map(({ name }: { name: string }) => name),
      ['Name', 'Size'],
    )
    assert.deepEqual(body.rows[0].cells, ['w', 3])
    assert.equal(body.rows[0].object.kind, 'PartialObjectMetadata')
  })

  it('describes itself', async () => {
    const groups = await call('GET', '/apis')
    assert.ok(groups.body.groups.some(({ name }: { name: string }) => name === 'example.com'))
    const list = await call('GET', '/apis/example.com/v1')
    assert.deepEqual(
      list.body.resources.map(({ name }: { name: string }) => name),
      ['widgets', 'widgets/status', 'widgets/scale'],
    )
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
    const aggregated = await call('GET', '/apis', undefined, { accept })
    assert.equal(aggregated.headers.get('content-type'), accept)
    assert.equal(aggregated.body.kind, 'APIGroupDiscoveryList')
    const index = await call('GET', '/openapi/v3')
    const { serverRelativeURL } = index.body.paths['apis/example.com/v1']
    const document = await call('GET', serverRelativeURL)
    const { properties } = document.body.components.schemas['com.example.v1.Widget']
    assert.equal(properties.spec.properties.size.type, 'integer')
    const path = document.body.paths['/apis/example.com/v1/namespaces/{namespace}/widgets/{name}']
    assert.ok(path.patch.parameters.some(({ name }: Fields) => name === 'fieldValidation'))
    const v2 = await call('GET', '/openapi/v2')
    assert.ok('com.example.v1.Widget' in v2.body.definitions)
    assert.doesNotMatch(v2.text, /components\/schemas/)
    const protobuf = { accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf' }
    assert.equal((await call('GET', '/openapi/v2', undefined, protobuf)).code, 406)
  })

  it('answers reviews without storing them', async () => {
    const review = { spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } }
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
    assert.equal((await call('POST', path, review)).body.status.allowed, true)
    assert.equal((await call('GET', path)).code, 404)
  })

  it('serves logs', async () => {
    const spec = { containers: [{ name: 'main', image: 'x:1' }] }
    await call('POST', PODS, { metadata: { name: 'p' }, spec })
    assert.equal((await call('GET', `${PODS}/p/log`)).text, 'lines of main\n')
    assert.equal((await call('GET', `${PODS}/p/log?container=other`)).code, 400)
  })

  const hints: readonly [method: string, path: string, code: number, headers?: Fields][] = [
    ['GET', '/apis/apps/v1/namespaces/default/deployments', 404],
    ['GET', '/api/v1/namespaces/default/nodes', 404],
    ['GET', '/somewhere', 404],
    ['POST', `${PODS}/p/exec`, 501],
    ['POST', `${PODS}/p/eviction`, 501],
    ['POST', `${MAPS}/a`, 405],
    ['DELETE', '/api/v1/configmaps', 405],
    ['PATCH', `${MAPS}/a`, 415, { 'content-type': 'application/json' }],
    ['POST', MAPS, 400, { 'content-type': 'application/vnd.kubernetes.protobuf' }],
    ['POST', MAPS, 415, { 'content-type': 'application/cbor' }],
    ['GET', MAPS, 406, { accept: 'application/cbor' }],
    ['GET', `${MAPS}?limit=many`, 400],
    ['GET', `${MAPS}?labelSelector=a+b`, 400],
    ['POST', `${MAPS}?dryRun=Some`, 422],
    ['POST', MAPS, 400],
  ]
  for (const [method, path, code, headers] of hints) {
    it(`answers ${method} ${path} ${JSON.stringify(headers ?? {})} with ${code}`, async () => {
      const body = method === 'POST' || method === 'PATCH' ? '"x"' : undefined
      const reply = await call(method, path, body, headers)
      assert.deepEqual([reply.code, reply.body.kind, reply.body.code], [code, 'Status', code])
    })
  }

  it(`reads bodies of ${BODY_BYTES_MAX} bytes and no more`, async () => {
    const fill = (size: number) => {
      const around = JSON.stringify(configMap('big', { x: '' })).length
      return JSON.stringify(configMap('big', { x: 'x'.repeat(size - around) }))
    }
    assert.equal((await call('POST', MAPS, fill(BODY_BYTES_MAX))).code, 422, 'read, then too long')
    const outcome = await call('POST', MAPS, fill(BODY_BYTES_MAX + 1)).catch(() => undefined)
    assert.ok(outcome === undefined || outcome.code === 413, 'refused, or cut off while sending')
  })

  it(`reads URLs of ${URL_LENGTH_MAX} characters and no more`, async () => {
    const fill = (length: number) => {
      const path = `${MAPS}?x=`
      return `${path}${'x'.repeat(length - 'http://cluster.local'.length - path.length)}`
    }
    assert.equal((await call('GET', fill(URL_LENGTH_MAX))).code, 200)
    assert.equal((await call('GET', fill(URL_LENGTH_MAX + 1))).code, 414)
  })

  it(`serves ${CONNECTIONS_MAX} connections and closes what comes after`, async () => {
    const port = Number(new URL(base).port)
    const sockets: Socket[] = []
    const open = async (): Promise<Socket> => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined)
      sockets.push(socket)
      await once(socket, 'connect')
      return socket
    }
    try {
      for (let i = 0; i < CONNECTIONS_MAX; i += 1) await open()
      const [first] = sockets
      const surplus = await open()
      if (!surplus.closed) await once(surplus.resume(), 'close')
      first?.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
      const [answer] = first === undefined ? [] : await once(first, 'data')
      assert.match(String(answer), /200 OK/)
    } finally {
      for (const socket of sockets) socket.destroy()
    }
  })

  it(`cuts off a watch with more than ${WATCH_UNSENT_BYTES_MAX} bytes unsent`, async () => {
    const socket = connect(Number(new URL(base).port), '127.0.0.1')
    socket.write(
      `GET ${MAPS}?watch=true HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`,
    )
    await once(socket, 'readable')
    const blob = 'x'.repeat(1_000_000)
    // more than the kernel takes off the server's hands
    const count = Math.ceil((3 * WATCH_UNSENT_BYTES_MAX) / blob.length)
    for (let i = 0; i < count; i += 1) {
      api.store.create(resources.configMaps, {
        metadata: { namespace: 'default', name: `m${i}` },
        data: { blob },
      })
      await call('GET', '/livez')
    }
    const closed = once(
      socket.on('error', () => undefined),
      'close',
    )
    socket.resume()
    await closed
    assert.ok(socket.bytesRead < count * blob.length, `${socket.bytesRead} bytes came`)
    assert.equal((await call('GET', '/livez')).text, 'ok')
  })

  it('streams a watch, and ends it when its time is over', async () => {
    await call('POST', MAPS, configMap('a'))
    const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan'
    const response = await fetch(`${base}${MAPS}?${query}&allowWatchBookmarks=true`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    })
    const events = readLines(response)
    assert.equal((await events.next()).value, 'ADDED a')
    assert.equal((await events.next()).value, 'BOOKMARK undefined')
    await call('POST', MAPS, configMap('b'))
    assert.equal((await events.next()).value, 'ADDED b')
    await call('DELETE', `${MAPS}/a`)
    assert.equal((await events.next()).value, 'DELETED a')
    await events.return(undefined)
  })

  it('ends a watch of forgotten history with 410', async () => {
    for (let i = 0; i < 50; i += 1)
      api.store.create(resources.configMaps, { metadata: { namespace: 'default', name: `m${i}` } })
    const { code, body } = await call('GET', `${MAPS}?watch=true&resourceVersion=2`)
    assert.deepEqual([code, body.type, body.object.code], [200, 'ERROR', 410])
  })

  it('outlives clients that speak no HTTP', async () => {
    const { port } = new URL(base)
    const socket = connect(Number(port), '127.0.0.1')
    socket.end('\x16\x03\x01\0\0 not http\r\n\r\n')
    socket.resume()
    await once(socket, 'close')
    const half = request(`${base}${MAPS}`, { method: 'POST', headers: { 'content-length': 100 } })
    half.on('error', () => {})
    half.write('{')
    half.destroy()
    assert.equal((await call('GET', '/livez')).text, 'ok')
  })
})

async function* readLines(response: Response): AsyncGenerator<string, void> {
  let rest = ''
  for await (const chunk of response.body ?? []) {
    rest += Buffer.from(chunk).toString()
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const { type, object } = JSON.parse(line)
      yield `${type} ${object.metadata.name}`
    }
  }
}
