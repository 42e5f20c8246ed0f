/** The API server on a port of 127.0.0.1, written to `<state>/api-port`. Argument: the name. */
import { renameSync, writeFileSync } from 'node:fs'
import { layoutOf, network } from '../layout.ts'
import { forward } from './tunnel.ts'

const layout = layoutOf(process.argv[2] ?? '')
const target = { host: network.nodeAddress, port: network.apiPort }
const { port } = await forward(layout.tunnelSocket, target)
writeFileSync(`${layout.state}/api-port.new`, String(port))
renameSync(`${layout.state}/api-port.new`, `${layout.state}/api-port`)
