/** Shards whose tenants vanished in numbers: kept until a person says that they may go. */
import assert from 'node:assert/strict'
import type { Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'
import { get, kubectl } from './tenants.ts'

/** The pool's condition OrphansHeld. */
export async function orphansHeld(cluster: Cluster) {
  const pool = await get(cluster, 'rp', 'default', cluster.operatorNamespace)
  return pool.status?.conditions?.find(({ type }) => type === 'OrphansHeld')
}

/**
 * Runs the very command that the condition names until nothing is held. A command accepts one set,
 * so when another tenant has vanished meanwhile, the condition names a new one.
 */
export function acceptOrphanRemoval(cluster: Cluster): Promise<void> {
  return eventually(async () => {
    const { status, message } = (await orphansHeld(cluster)) ?? assert.fail('no OrphansHeld')
    if (status === 'False') return
    const command = message.match(/kubectl (.*)$/)?.[1] ?? assert.fail(`no command: ${message}`)
    await kubectl(cluster, command.split(' '))
    assert.fail(message)
  })
}
