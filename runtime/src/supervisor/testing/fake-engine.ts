/**
 * An engine program without an engine, for tests of its supervisor. Who connects is told, as JSON,
 * which tenants it has. Some tenants make it misbehave.
 */

import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { type Assignment, healthyStorage } from '@miniredis/crds'
import { silentLogger } from '../../telemetry/logger.ts'
import { guardAgainstOrphanhood } from '../engine-guard.ts'
import {
  EngineHost,
  type EngineStart,
  type HostedEngine,
  type ReportStorage,
} from '../engine-host.ts'

const held = new Map<string, Assignment>()

function misbehave(tenantUid: string): void {
  if (tenantUid === 'refused') throw new Error('this engine refuses')
  if (tenantUid === 'crashes') process.exit(9)
  while (tenantUid === 'hangs-for-ever');
}

const server = createServer((socket) => {
  socket.on('error', () => undefined)
  socket.end(JSON.stringify(Object.fromEntries([...held].map(([uid, { epoch }]) => [uid, epoch]))))
})

const full = { ...healthyStorage, volume: { state: 'Full', message: 'no space' } } as const

const createEngine = ({ host, port }: EngineStart, report: ReportStorage): HostedEngine => ({
  assign: (assignment) => {
    held.set(assignment.tenantUid, assignment)
    misbehave(assignment.tenantUid)
    if (assignment.tenantUid === 'fills-the-volume') report(full)
  },
  unassign: (tenantUid) => {
    if (tenantUid === 'clings') throw new Error('this engine does not let go')
    held.delete(tenantUid)
  },
  usage: () => [],
  progress: () => Math.floor(performance.now()),
  listen: () =>
    new Promise((resolve) => {
      server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
    }),
  close: async () => {
    server.close()
    // One that does not want to go.
    if (held.has('stubborn')) await new Promise(() => setInterval(() => undefined, 1_000))
  },
})

guardAgainstOrphanhood()
new EngineHost({
  channel: process,
  createEngine,
  exit: (code) => process.exit(code),
  logger: silentLogger,
})
