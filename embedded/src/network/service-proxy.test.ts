import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { systemClock } from '../clock.ts'
import { type Service, serviceSchema } from '../kinds.ts'
import type { ApiStore } from '../store/api-store.ts'
import { resources } from '../store/resources.ts'
import { openTestApi } from '../testing.ts'
import { EndpointSliceController } from './endpoint-slice-controller.ts'
import { ServiceAddresses } from './service-addresses.ts'
import { PORTS_ERROR, ServiceProxy } from './service-proxy.ts'

/** A port that is free now, above the ones that the system gives out by itself. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

describe('services', () => {
  let store: ApiStore
  let proxy: ServiceProxy
  let slices: EndpointSliceController
  let base: number
  const servers: Server[] = []
  const errors: unknown[] = []

  beforeEach(async () => {
    base = await freePort()
    const addresses = new ServiceAddresses('127.127', base)
    store = openTestApi({ defer: queueMicrotask, now: Date.now, addresses }).store
    const options = { store, clock: systemClock, onError: (error: unknown) => errors.push(error) }
    proxy = new ServiceProxy(options)
    slices = new EndpointSliceController(options)
    proxy.start()
    slices.start()
  })
  afterEach(() => {
    proxy.stop()
    slices.stop()
    store.close()
    for (const server of servers.splice(0)) server.close()
    assert.deepEqual(errors.splice(0), [])
  })

  const key = { namespace: 'default', name: 'cache' }
  const create = (spec: object) =>
    store.create(resources.services, {
      metadata: key,
      spec: { ports: [{ name: 'redis', port: 6379 }], ...spec },
    })
  const until = (fits: (service: Service) => boolean): Promise<Service> =>
    new Promise((resolve) => {
      const watch = store.watch(resources.services, {}, (event) => {
        if (event.type !== 'ADDED' && event.type !== 'MODIFIED') return
        const service = serviceSchema.parse(event.object)
        if (service.metadata.name !== key.name || !fits(service)) return
        resolve(service)
        watch.close()
      })
    })
  const greeter = async (word: string, host = '127.0.0.1') => {
    const greet = (socket: Socket) => socket.on('error', () => undefined).end(word)
    const server = createServer(greet).listen(0, host)
    servers.push(server)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const hear = async (host: string, port: number) => {
    let text = ''
    for await (const chunk of connect({ host, port })) text += String(chunk)
    return text
  }
  const slice = (port: number, ready = true) => ({
    metadata: { ...key, labels: { 'kubernetes.io/service-name': 'cache' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready } }],
    ports: [{ name: 'redis', port, protocol: 'TCP' }],
  })
  const ingress = ({ status }: Service) => status.loadBalancer?.ingress

  it('gives a LoadBalancer the first port, publishes it and forwards to its slice', async () => {
    create({ type: 'LoadBalancer' })
    store.create(resources.endpointSlices, slice(await greeter('hello')))
    const service = await until((one) => ingress(one) !== undefined)
    assert.deepEqual(ingress(service), [
      { ip: '127.0.0.1', ports: [{ port: base, protocol: 'TCP' }] },
    ])
    assert.equal(service.spec.ports[0]?.nodePort, base)
    assert.equal(await hear('127.0.0.1', base), 'hello')
    assert.equal(await hear(service.spec.clusterIP ?? '', 6379), 'hello')
  })

  it('sends new connections to changed endpoints at once', async () => {
    create({ type: 'LoadBalancer' })
    store.create(resources.endpointSlices, slice(await greeter('old')))
    await until((one) => ingress(one) !== undefined)
    const current = store.get(resources.endpointSlices, key)
    const next = slice(await greeter('new'))
    store.update(resources.endpointSlices, { ...current, ...next, metadata: current.metadata })
    await Promise.resolve()
    assert.equal(await hear('127.0.0.1', base), 'new')
  })

  it('makes slices for selectors and follows the readiness of pods', async () => {
    create({ selector: { app: 'cache' } })
    const port = await greeter('pod', '127.0.0.1')
    const pod = store.create(resources.pods, {
      metadata: { ...key, labels: { app: 'cache' } },
      spec: { nodeName: 'node-a', containers: [{ name: 'main', image: 'x' }] },
    })
    const conditions = [{ type: 'Ready', status: 'True' }]
    const status = { phase: 'Running', podIP: '127.0.0.1', conditions }
    store.update(resources.pods, { ...pod, status }, { subresource: 'status' })
    await new Promise(setImmediate)
    const made = store.get(resources.endpointSlices, { ...key, name: 'cache-selected' })
    const [endpoint] = made.endpoints as { addresses: string[]; conditions: object }[]
    assert.deepEqual(endpoint?.addresses, ['127.0.0.1'])
    assert.deepEqual(endpoint?.conditions, { ready: true, serving: true, terminating: false })
    assert.ok(port > 0)
  })

  it('reports a port that another program holds, and takes it when it is free', async function () {
    this.timeout(10_000)
    const squatter = createServer().listen(base, '127.0.0.1')
    await once(squatter, 'listening')
    create({ type: 'LoadBalancer' })
    const problem = ({ status }: Service) =>
      status.conditions?.find(({ type }) => type === PORTS_ERROR)
    const service = await until((one) => problem(one) !== undefined)
    assert.match(problem(service)?.message ?? '', new RegExp(`port ${base} on 127.0.0.1`))
    assert.match(problem(service)?.message ?? '', /MINIREDIS_PORT_BASE/)
    assert.equal(ingress(service), undefined)
    const [event] = store.list(resources.events).items
    assert.equal(event?.reason, 'PortUnavailable')
    squatter.close()
    const mended = await until((one) => ingress(one) !== undefined)
    assert.equal(problem(mended)?.status, 'False')
  })

  it('stops listening when the Service is gone', async () => {
    create({ type: 'NodePort' })
    const service = await until(({ spec }) => spec.ports[0]?.nodePort !== undefined)
    assert.equal(service.spec.ports[0]?.nodePort, base)
    store.delete(resources.services, key)
    await new Promise(setImmediate)
    await assert.rejects(hear('127.0.0.1', base), { code: 'ECONNREFUSED' })
  })

  it('writes nothing about a Service that is settled', async () => {
    create({ type: 'LoadBalancer' })
    const service = await until((one) => ingress(one) !== undefined)
    store.create(resources.endpointSlices, slice(1))
    await new Promise(setImmediate)
    const { resourceVersion } = store.get(resources.services, key).metadata
    assert.equal(resourceVersion, service.metadata.resourceVersion)
  })
})
