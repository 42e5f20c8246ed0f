/** This process as INFO tells of it. */
import { randomBytes } from 'node:crypto'
import os from 'node:os'
import type { ServerFacts } from '../commands/server-facts.ts'

const RUN_ID_BYTES = 20

/** Facts of the present process; `runId` is new for each call. */
export function processFacts(): Omit<ServerFacts, 'tcpPort' | 'settings'> {
  return {
    processId: process.pid,
    runId: randomBytes(RUN_ID_BYTES).toString('hex'),
    startedAtMs: Date.now(),
    operatingSystem: `${os.type()} ${os.release()} ${os.arch()}`,
    runtimeVersion: `node ${process.versions.node}`,
  }
}
