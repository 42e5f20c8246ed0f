/** The RuntimePool reconciler: observe, plan, act, status once. */
import { after, done, failed, OperatingError, type Outcome } from '../../control/outcome.ts'
import type { Key } from '../../kube/object.ts'
import { runtimePools } from '../../kube/resources.ts'
import { act } from './act.ts'
import { announceOrphans } from './announcements.ts'
import { type Observed, observePool } from './observe.ts'
import { type PoolPlan, planPool } from './plan.ts'
import type { PoolPorts } from './ports.ts'
import { poolStatus } from './status.ts'

export async function reconcilePool(key: Key, ports: PoolPorts): Promise<Outcome> {
  const seen = await observePool(key, ports)
  const plan = planPool(seen, ports.clock.now())
  const { delayMs, error } = await carryOut(plan, seen, ports)
  if (seen.pool !== undefined && seen.pool.metadata.deletionTimestamp === undefined)
    await writeStatus(plan, seen, error, ports)
  if (error !== undefined) return failed(error)
  return delayMs === undefined ? done : after(delayMs)
}

async function carryOut(
  { steps }: PoolPlan,
  seen: Observed,
  ports: PoolPorts,
): Promise<{ delayMs?: number | undefined; error?: OperatingError }> {
  try {
    return await act(steps, seen, ports)
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    return { error }
  }
}

async function writeStatus(
  { orphans }: PoolPlan,
  seen: Observed,
  error: OperatingError | undefined,
  { kube, clock, recorder, metrics, memory }: PoolPorts,
): Promise<void> {
  const { pool } = seen
  if (pool === undefined) return
  const status = poolStatus({ pool, seen, orphans, failure: error?.code, nowMs: clock.now() })
  const held = orphans.kind === 'held' ? orphans.tenantUids.length : 0
  metrics.orphansHeld.set({ pool: pool.metadata.name }, held)
  const { tenantDefinitionUid } = status
  if (tenantDefinitionUid !== undefined)
    memory.definitions.set(pool.metadata.uid, tenantDefinitionUid)
  const isWritten = await kube.patchStatus(runtimePools, pool, status)
  if (isWritten) announceOrphans(pool, status, recorder)
}
