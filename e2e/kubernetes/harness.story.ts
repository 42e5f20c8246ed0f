/** The harness tested by itself, before any story relies on it. Needs root; about 25 s once built. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { buildImage } from '../../images/build.ts'
import { echoObjects, echoService } from './fixtures/objects.ts'
import { type Forward, startTestCluster, type TestCluster } from './index.ts'
import { layoutOf } from './layout.ts'

const name = 'harness'
const layout = layoutOf(name)

describe('the Kubernetes test cluster', function () {
  this.timeout(20 * 60_000) // a cold build

  let cluster: TestCluster
  let door: Forward

  before(async () => {
    cluster = await startTestCluster({ name, log: () => {} })
  })

  after(async () => {
    await cluster?.stop()
  })

  /** Applies a load balancer for the pod and waits for its address. */
  async function loadBalancerAddress(service: string): Promise<string> {
    const path = '{.status.loadBalancer.ingress[0].ip}'
    const subject = ['-n', name, `service/${service}`]
    await cluster.kubectl(['apply', '-f', '-'], toJson(echoService(service)))
    await cluster.kubectl(['wait', ...subject, `--for=jsonpath=${path}`, '--timeout=30s'])
    return cluster.kubectl(['get', ...subject, '-o', `jsonpath=${path}`])
  }

  it('runs an image of our own as a restricted pod with a volume', async () => {
    const programs = [{ name: 'echo', entry: 'e2e/kubernetes/fixtures/echo.ts' }]
    const out = `${layout.state}/echo.tar`
    const image = await buildImage({ name: 'localhost/echo:1', out, programs })
    await cluster.importImage(image.path)
    const objects = [...echoObjects, echoService('echo')]
    await cluster.kubectl(['apply', '-f', '-'], objects.map(toJson).join('\n'))
    await cluster.kubectl([
      '-n',
      name,
      'wait',
      '--for=condition=Ready',
      'pod/echo',
      '--timeout=60s',
    ])
  })

  it('refuses a pod that is not restricted', async () => {
    const run = ['-n', name, 'run', 'free', '--image=localhost/echo:1']
    const { exitCode, stderr } = await cluster.tryKubectl(run)
    assert.equal(exitCode, 1)
    assert.match(stderr, /violates PodSecurity "restricted:latest"/)
  })

  it('gives a load balancer an address that the host can reach', async () => {
    const host = await loadBalancerAddress('echo')
    const read = ['-n', name, 'get', 'service/echo', '-o', 'jsonpath={.spec.clusterIP}']
    const service = await cluster.kubectl(read)
    assert.match(host, /^10\.81\./)
    door = await cluster.reach({ host, port: 6001 })
    const { socket, lines } = open(door)
    assert.deepEqual(JSON.parse(await lines()), {
      user: 10001,
      rootIsReadOnly: true,
      volumeIsWritable: true,
      service,
      foreignName: 'EAI_AGAIN', // refused at once: there is nobody to ask
    })
    socket.destroy()
  })

  for (const how of ['kill', 'freeze'] as const) {
    it(`keeps connections while the API server is away (${how})`, async () => {
      const { socket, lines } = open(door)
      await lines()
      await cluster.stopApiServer(how)
      const { exitCode } = await cluster.tryKubectl(['get', 'nodes', '--request-timeout=1s'])
      assert.notEqual(exitCode, 0)
      socket.write('still here\n')
      assert.equal(await lines(), 'still here')
      await cluster.startApiServer()
      await loadBalancerAddress(`after-${how}`)
      socket.destroy()
    })
  }

  it('leaves nothing behind', async () => {
    const kernel = JSON.parse(readFileSync(`${layout.state}/kernel-settings.json`, 'utf8'))
    await cluster.stop()
    assert.deepEqual(commandsNaming(`/clusters/${name}/`), [])
    assert.doesNotMatch(readFileSync('/proc/self/mounts', 'utf8'), new RegExp(`clusters/${name}/`))
    assert.ok(!existsSync(layout.state))
    for (const hierarchy of readdirSync('/sys/fs/cgroup')) {
      assert.ok(!existsSync(`/sys/fs/cgroup/${hierarchy}/${name}`), hierarchy)
    }
    for (const namespace of [layout.nodeNamespace, layout.outsideNamespace]) {
      assert.ok(!existsSync(`/run/netns/${namespace}`))
    }
    for (const [setting, value] of Object.entries(kernel)) {
      assert.equal(readFileSync(`/proc/sys/${setting}`, 'utf8'), value, setting)
    }
  })
})

function toJson(object: object): string {
  return JSON.stringify(object)
}

/** A connection and its lines, one per call. */
function open({ host, port }: Forward): { socket: Socket; lines: () => Promise<string> } {
  const socket = connect(port, host)
  const reader = createInterface({ input: socket })
  const waiting = reader[Symbol.asyncIterator]()
  return { socket, lines: async () => String((await waiting.next()).value) }
}

function commandsNaming(path: string): string[] {
  const pids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid))
  return pids.map(commandOf).filter((command) => command.includes(path))
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return '' // ended meanwhile
  }
}
