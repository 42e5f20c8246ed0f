/** The TenantNode reconciler: observe, plan, act until nothing but a wait is left, status once. */
import { after, done, failed, OperatingError, type Outcome } from '../../control/outcome.ts'
import { isSameJson } from '../../kube/difference.ts'
import type { Key } from '../../kube/object.ts'
import { tenantNodes } from '../../kube/resources.ts'
import { act, type Wait } from './act.ts'
import { newsOf } from './announcements.ts'
import { type Observed, observeTenant } from './observe.ts'
import { planTenant } from './plan.ts'
import type { TenantPorts } from './ports.ts'
import { type Progress, tenantStatus } from './status.ts'

/** A plan that is still not through after so many rounds goes on at the next reconcile. */
const ROUNDS_MAX = 8
const NEXT_ROUND_MS = 1000
/** Beyond so many tenants all are forgotten: a status may then be written once too often. */
const REMEMBERED_MAX = 20_000

interface Result {
  readonly seen: Observed
  readonly wait?: Wait | undefined
  readonly error?: OperatingError
}

export async function reconcileTenant(key: Key, ports: TenantPorts): Promise<Outcome> {
  const seen = await observeTenant(key, ports)
  if (seen === undefined) return done
  const result = await carryThrough(seen, ports)
  if (seen.tenant.metadata.deletionTimestamp !== undefined) return outcomeOf(result)
  await writeStatus(result, ports)
  return outcomeOf(result)
}

async function carryThrough(observed: Observed, ports: TenantPorts): Promise<Result> {
  let seen = observed
  try {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const steps = planTenant(seen, ports.clock.now())
      if (steps.length === 0) return { seen }
      const result = await act(steps, seen, ports)
      seen = result.seen
      if (result.wait !== undefined) return result
    }
    const message = 'the work goes on'
    return { seen, wait: { reason: 'InProgress', message, delayMs: NEXT_ROUND_MS } }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    return { seen, error }
  }
}

async function writeStatus({ seen, wait, error }: Result, ports: TenantPorts): Promise<void> {
  const { kube, clock, memory, recorder } = ports
  const { tenant } = seen
  const { uid, resourceVersion: over } = tenant.metadata
  const progress: Progress = { wait, failure: error?.code }
  const context = { nowMs: clock.now(), usageWrittenMs: memory.usageWrittenMs.get(uid) }
  const status = tenantStatus(seen, progress, context)
  if (!(await kube.patchStatus(tenantNodes, tenant, status))) return
  remember(memory.writtenStatus, uid, { over, status })
  if (!isSameJson(status.usage, tenant.status?.usage))
    remember(memory.usageWrittenMs, uid, context.nowMs)
  for (const news of newsOf(tenant.status, status)) recorder.record(tenant, news)
}

function remember<T>(memory: Map<string, T>, uid: string, value: T): void {
  if (memory.size >= REMEMBERED_MAX) memory.clear()
  memory.set(uid, value)
}

const outcomeOf = ({ wait, error }: Result): Outcome =>
  error !== undefined ? failed(error) : wait !== undefined ? after(wait.delayMs) : done
