/** The agent: everything around the cluster that a cloud would do. Argument: the cluster's name. */
import { layoutOf, network } from '../layout.ts'
import { createApiClient } from './api-client.ts'
import { runLoadBalancers } from './load-balancers.ts'
import { serveTunnel } from './tunnel.ts'
import { runVolumes } from './volumes.ts'

const layout = layoutOf(process.argv[2] ?? '')
const address = { host: network.nodeAddress, port: network.apiPort }
const api = createApiClient(layout, address, 'agent')
await serveTunnel(layout.tunnelSocket)
await Promise.all([runLoadBalancers(api), runVolumes(api, layout)])
