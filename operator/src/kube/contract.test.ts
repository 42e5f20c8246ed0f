/**
 * The contract against the embedded API; with MINIREDIS_TEST_KUBECONFIG and
 * MINIREDIS_TEST_NAMESPACE (an empty namespace) against that cluster instead.
 */
import { randomUUID } from 'node:crypto'
import { ApiServer } from '../../../embedded/src/api/api-server.ts'
import { openStore } from '../../../embedded/src/store/open-api-store.ts'
import { systemClock } from '../control/clock.ts'
import { type ApiAccess, createApiAccess, loadKubeconfig } from './access.ts'
import { type ContractSubject, contract } from './contract.testing.ts'
import { KubeClient } from './kube-client.ts'
import type { KubeObject, ResourceType } from './object.ts'
import { Transport } from './transport.ts'

const namespaces: ResourceType = {
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
}
const { MINIREDIS_TEST_KUBECONFIG: kubeconfig, MINIREDIS_TEST_NAMESPACE: namespace = 'contract' } =
  process.env

interface Running {
  readonly access: ApiAccess
  close(): Promise<void>
}

async function startEmbedded(): Promise<Running> {
  const token = randomUUID()
  const opened = openStore({
    path: ':memory:',
    environment: {
      now: Date.now,
      newUid: randomUUID,
      random: Math.random,
      defer: (task) => void setImmediate(task),
    },
  })
  const server = new ApiServer({ ...opened, token })
  const url = await server.listen('127.0.0.1', 0)
  const access = createApiAccess({ cluster: { server: url }, user: { token } }, systemClock, '/')
  return { access, close: () => server.close() }
}

describe(`contract with ${kubeconfig === undefined ? 'the embedded API' : 'a real API'}`, () => {
  let running: Running
  let transport: Transport
  let subject: ContractSubject

  before(async () => {
    running =
      kubeconfig === undefined
        ? await startEmbedded()
        : { access: await loadKubeconfig(kubeconfig, systemClock), close: async () => {} }
    transport = new Transport({ access: running.access, clock: systemClock, userAgent: 'contract' })
    subject = { client: new KubeClient(transport), namespace }
    const object: KubeObject = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace },
    }
    await subject.client.apply(namespaces, object)
  })

  after(async () => {
    transport.close()
    await running.close()
  })

  for (const [title, run] of contract) it(title, () => run(subject))
})
