import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { issueCa, issueMemberCertificate } from '../certificates/authority.ts'
import { VirtualClock } from '../control/virtual-clock.ts'
import { isKubeError, type KubeErrorCode } from './errors.ts'
import { listAll } from './port.ts'
import { pods, type TenantNode, tenantNodes } from './resources.ts'
import {
  type Answer,
  type ScriptedServer,
  sendJson,
  startServer,
  status,
  withServer,
} from './scripted-server.testing.ts'
import { REQUEST_DEADLINE_MS } from './transport.ts'

const pod = (name: string) => ({
  metadata: { namespace: 'ns', name, uid: 'u', resourceVersion: '7', managedFields: [{}] },
  spec: { containers: [] },
})
const name = { namespace: 'ns', name: 'a' }
const answerWith =
  (code: number, body: object): Answer =>
  (response) =>
    sendJson(response, code, body)

const rejectsWith = (call: Promise<unknown>, code: KubeErrorCode) =>
  assert.rejects(call, (error) => isKubeError(error, code) || assert.fail(String(error)))

describe('Kubernetes client', () => {
  it('gets an object with its kind, without managedFields, under its token', async () => {
    await withServer(answerWith(200, pod('a')), async ({ client, requests, ended }) => {
      assert.deepEqual(await client.get(pods, name), {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { namespace: 'ns', name: 'a', uid: 'u', resourceVersion: '7' },
        spec: { containers: [] },
      })
      assert.equal(requests[0]?.url.pathname, '/api/v1/namespaces/ns/pods/a')
      assert.equal(requests[0]?.headers.authorization, 'Bearer secret-token')
      assert.deepEqual(
        ended.map(({ verb, resource, result }) => [verb, resource, result]),
        [['get', 'pods', 'ok']],
      )
    })
  })

  it('lists page by page', async () => {
    const answer: Answer = (response, { url }) => {
      const token = url.searchParams.get('continue')
      assert.equal(url.searchParams.get('limit'), '500')
      const metadata = { resourceVersion: '9', continue: token === null ? 'more' : '' }
      sendJson(response, 200, { metadata, items: [pod(token ?? 'first')] })
    }
    await withServer(answer, async ({ client }) => {
      const { items, resourceVersion } = await listAll(client, pods, { namespace: 'ns' })
      assert.deepEqual(
        items.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
        ['Pod first', 'Pod more'],
      )
      assert.equal(resourceVersion, '9')
    })
  })

  it('applies, creates, replaces, merges and deletes as the API wants it', async () => {
    await withServer(answerWith(200, pod('a')), async ({ client, requests }) => {
      const object = { apiVersion: 'v1', kind: 'Pod', metadata: name }
      const stored = await client.apply(pods, object)
      await client.create(pods, object)
      await client.replace(pods, stored)
      await client.merge(pods, name, { metadata: { labels: { a: null } } })
      await client.delete(pods, name, { uid: 'u', resourceVersion: '7' })
      assert.deepEqual(
        requests.map(({ method, url, headers }) =>
          [method, url.pathname, url.search, headers['content-type']].join(' '),
        ),
        [
          'PATCH /api/v1/namespaces/ns/pods/a ?fieldManager=miniredis-operator&fieldValidation=Strict&force=true application/apply-patch+yaml',
          'POST /api/v1/namespaces/ns/pods ?fieldManager=miniredis-operator&fieldValidation=Strict application/json',
          'PUT /api/v1/namespaces/ns/pods/a ?fieldManager=miniredis-operator&fieldValidation=Strict application/json',
          'PATCH /api/v1/namespaces/ns/pods/a ?fieldManager=miniredis-operator&fieldValidation=Strict application/merge-patch+json',
          'DELETE /api/v1/namespaces/ns/pods/a  application/json',
        ],
      )
      assert.deepEqual(JSON.parse(requests[4]?.body ?? ''), {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions: { uid: 'u', resourceVersion: '7' },
        propagationPolicy: 'Background',
      })
    })
  })

  it('writes a status only when it differs', async () => {
    await withServer(answerWith(200, pod('a')), async ({ client, requests }) => {
      const seen = { ...pod('a'), status: { phase: 'Ready', usage: undefined } }
      const tenant = seen as unknown as TenantNode
      assert.equal(
        await client.patchStatus(tenantNodes, tenant, { phase: 'Ready' } as never),
        false,
      )
      assert.equal(requests.length, 0)
      assert.equal(
        await client.patchStatus(tenantNodes, tenant, { phase: 'Pending' } as never),
        true,
      )
      const path = '/apis/miniredis.io/v1alpha1/namespaces/ns/tenantnodes/a/status'
      assert.equal(requests[0]?.url.pathname, path)
      assert.deepEqual(JSON.parse(requests[0]?.body ?? ''), {
        apiVersion: 'miniredis.io/v1alpha1',
        kind: 'TenantNode',
        metadata: { name: 'a', namespace: 'ns', uid: 'u' },
        status: { phase: 'Pending' },
      })
    })
  })

  it('tells an object that is not there from a kind that is not served', async () => {
    const gone = status(404, 'NotFound', { name: 'a', kind: 'pods' })
    await withServer(answerWith(404, gone), async ({ client }) => {
      assert.equal(await client.get(pods, name), undefined)
      await client.delete(pods, name)
      await rejectsWith(client.merge(pods, name, {}), 'NotFound')
    })
    const unserved: Answer = (response) => response.writeHead(404).end('404 page not found\n')
    await withServer(unserved, async ({ client }) => {
      await rejectsWith(client.get(tenantNodes, name), 'UnknownResource')
      await rejectsWith(client.delete(tenantNodes, name), 'UnknownResource')
    })
    const unnamed = status(404, 'NotFound', {})
    await withServer(answerWith(404, unnamed), async ({ client }) => {
      await rejectsWith(client.list(tenantNodes), 'UnknownResource')
    })
  })

  const failures: readonly (readonly [number, string, KubeErrorCode])[] = [
    [409, 'Conflict', 'Conflict'],
    [409, 'AlreadyExists', 'AlreadyExists'],
    [410, 'Expired', 'Gone'],
    [401, 'Unauthorized', 'Unauthorized'],
    [403, 'Forbidden', 'Forbidden'],
    [422, 'Invalid', 'Invalid'],
    [400, 'BadRequest', 'Invalid'],
    [415, 'UnsupportedMediaType', 'Invalid'],
    [501, 'NotImplemented', 'Invalid'],
    [429, 'TooManyRequests', 'TooManyRequests'],
    [500, 'InternalError', 'Unavailable'],
    [503, 'ServiceUnavailable', 'Unavailable'],
    [504, 'Timeout', 'Timeout'],
    [302, 'Found', 'Malformed'],
  ]
  for (const [code, reason, expected] of failures) {
    it(`reads ${code} ${reason} as ${expected}`, async () => {
      await withServer(answerWith(code, status(code, reason)), async ({ client, ended }) => {
        await rejectsWith(
          client.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: name }),
          expected,
        )
        assert.equal(ended[0]?.result, expected)
      })
    })
  }

  it('passes on how long the server wants to be left alone', async () => {
    const busy: Answer = (response) => response.writeHead(429, { 'retry-after': '3' }).end()
    await withServer(busy, async ({ client }) => {
      await assert.rejects(client.list(pods), { code: 'TooManyRequests', retryAfterMs: 3000 })
    })
  })

  const late: readonly (readonly [string, Answer])[] = [
    ['before', () => {}],
    ['within', (response) => void response.writeHead(200).write('{"metadata":')],
  ]
  for (const [title, answer] of late) {
    it(`gives up at the deadline, ${title} the answer`, async () => {
      const clock = new VirtualClock()
      const asked = Promise.withResolvers<void>()
      const asking: Answer = (response, request) => {
        answer(response, request)
        asked.resolve()
      }
      const test = async ({ client }: ScriptedServer) => {
        const refused = rejectsWith(client.list(pods), 'Timeout')
        await asked.promise
        await clock.advance(REQUEST_DEADLINE_MS)
        await refused
        assert.equal(clock.pendingTimers, 0)
      }
      await withServer(asking, test, { clock })
    })
  }

  it('reports garbage, half answers and answers of another form', async () => {
    const garbage: Answer = (response) => void response.end('<html>proxy login</html>')
    await withServer(garbage, ({ client }) => rejectsWith(client.list(pods), 'Malformed'))
    await withServer(answerWith(200, { items: 7 }), ({ client }) =>
      rejectsWith(client.list(pods), 'Malformed'),
    )
    const half: Answer = (response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"metadata":')
      setImmediate(() => response.destroy())
    }
    await withServer(half, ({ client }) => rejectsWith(client.list(pods), 'Unavailable'))
  })

  it('reports a server that is not there', async () => {
    const server = await startServer(answerWith(200, {}))
    await server.close()
    await rejectsWith(server.client.list(pods), 'Unavailable')
  })

  it('reads again over a fresh connection when a kept one was just closed', async () => {
    let answered = 0
    const closing: Answer = (response) => {
      // Says keep-alive, answers once, and resets the connection on its next use.
      if (answered++ === 1) return void response.socket?.resetAndDestroy()
      sendJson(response, 200, pod('a'))
    }
    await withServer(closing, async ({ client, requests }) => {
      await client.get(pods, name)
      await client.get(pods, name)
      assert.equal(requests.length, 3)
    })
    answered = 0
    await withServer(closing, async ({ client, requests }) => {
      await client.get(pods, name)
      await rejectsWith(client.merge(pods, name, {}), 'Unavailable')
      assert.equal(requests.length, 2, 'a write does not go again by itself')
    })
  })

  it('trusts the CA of the kubeconfig and no other', async () => {
    const ca = await issueCa('test', Date.now())
    const member = { namespace: 'ns', pool: 'p', member: 'm', addresses: ['127.0.0.1'] }
    const { certificate, privateKey } = await issueMemberCertificate(ca, member, Date.now())
    const tls = { cert: certificate, key: privateKey }
    const caData = (pem: string) => ({
      'certificate-authority-data': Buffer.from(pem).toString('base64'),
    })
    await withServer(
      answerWith(200, pod('a')),
      async ({ client }) => assert.equal((await client.get(pods, name))?.metadata.name, 'a'),
      { tls, cluster: caData(ca.certificate) },
    )
    const other = await issueCa('test', Date.now())
    await withServer(
      answerWith(200, pod('a')),
      ({ client }) => rejectsWith(client.get(pods, name), 'Unavailable'),
      { tls, cluster: caData(other.certificate) },
    )
  })
})

describe('watch', () => {
  const event = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`
  const added = event('ADDED', pod('a'))
  const bookmark = event('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '99' } })

  const streaming =
    (...chunks: readonly (string | Buffer)[]): Answer =>
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      for (const chunk of chunks) response.write(chunk)
      response.end()
    }

  const fromVersion7 = { namespace: 'ns', resourceVersion: '7', timeoutSeconds: 300 }

  async function collect(client: ScriptedServer['client']) {
    const { signal } = new AbortController()
    const seen: string[] = []
    for await (const item of client.watch(pods, { ...fromVersion7, signal })) {
      seen.push(
        item.kind === 'bookmark'
          ? item.resourceVersion
          : `${item.kind} ${item.object.metadata.name}`,
      )
    }
    return seen
  }

  it('asks for bookmarks from a version on, and ends with the server', async () => {
    await withServer(streaming(added, bookmark), async ({ client, requests }) => {
      assert.deepEqual(await collect(client), ['added a', '99'])
      assert.deepEqual(Object.fromEntries(requests[0]?.url.searchParams ?? []), {
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: '7',
        timeoutSeconds: '300',
      })
    })
  })

  it('reads events that come in any pieces', async () => {
    const bytes = Buffer.from(event('MODIFIED', pod('ü')) + bookmark)
    const pieces = [...bytes].map((byte) => Buffer.of(byte))
    await withServer(streaming(...pieces), async ({ client }) => {
      assert.deepEqual(await collect(client), ['modified ü', '99'])
    })
  })

  it('drops half an event at the end', async () => {
    await withServer(streaming(added, added.slice(0, 30)), async ({ client }) => {
      assert.deepEqual(await collect(client), ['added a'])
    })
  })

  const broken: readonly (readonly [string, Answer, KubeErrorCode])[] = [
    ['410 as status', answerWith(410, status(410, 'Expired')), 'Gone'],
    ['410 as event', streaming(added, event('ERROR', status(410, 'Expired'))), 'Gone'],
    ['500 as event', streaming(event('ERROR', status(500, 'InternalError'))), 'Unavailable'],
    ['an error event without form', streaming(event('ERROR', {})), 'Unavailable'],
    ['garbage', streaming(added, 'garbage\n'), 'Malformed'],
    ['an event of another form', streaming(event('ADDED', { metadata: {} })), 'Malformed'],
    ['an unknown event', streaming(event('EXPLODED', {})), 'Malformed'],
  ]
  for (const [title, answer, code] of broken) {
    it(`reports ${title} as ${code}`, () =>
      withServer(answer, ({ client }) => rejectsWith(collect(client), code)))
  }

  it('reports a connection that drops within an event', async () => {
    const dropping: Answer = (response) => {
      response.writeHead(200).write(added + added.slice(0, 30))
      setImmediate(() => response.socket?.resetAndDestroy())
    }
    await withServer(dropping, ({ client }) => rejectsWith(collect(client), 'Unavailable'))
  })

  it('ends quietly when it is aborted, and closes its connection', async () => {
    const closed = Promise.withResolvers<void>()
    const endless: Answer = (response) => {
      response.on('close', closed.resolve)
      response.writeHead(200).write(added)
    }
    await withServer(endless, async ({ client }) => {
      const stop = new AbortController()
      const options = { resourceVersion: '7', timeoutSeconds: 300, signal: stop.signal }
      for await (const { kind } of client.watch(pods, options)) {
        assert.equal(kind, 'added')
        stop.abort()
      }
      await closed.promise
    })
  })

  it('outlives the deadline of requests once it has begun', async () => {
    const clock = new VirtualClock()
    const slow: Answer = (response) => {
      response.writeHead(200).write(added)
      begun = response
    }
    let begun: ServerResponse | undefined
    const test = async ({ client }: ScriptedServer) => {
      const { signal } = new AbortController()
      const seen: string[] = []
      for await (const { kind } of client.watch(pods, { ...fromVersion7, signal })) {
        seen.push(kind)
        await clock.advance(2 * REQUEST_DEADLINE_MS)
        begun?.end(bookmark)
      }
      assert.deepEqual(seen, ['added', 'bookmark'])
    }
    await withServer(slow, test, { clock })
  })
})
