/**
 * `story(title, tell)`: one user story. Each story gets a namespace of its own, removed afterwards.
 */

import type { Cluster } from './cluster.ts'
import { kubectl, Tenant } from './tenants.ts'

export interface Stage {
  readonly cluster: Cluster
  readonly namespace: string
  tenant(name: string): Tenant
}

const STORY_DEADLINE_MS = 180_000

/** Filled by the fixture before the first story runs. */
const current: { cluster?: Cluster; stories: number } = { stories: 0 }

export const setCluster = (cluster: Cluster): void => {
  current.cluster = cluster
}

export function story(title: string, tell: (stage: Stage) => Promise<void>): void {
  it(title, async function () {
    this.timeout(STORY_DEADLINE_MS)
    if (current.cluster === undefined) throw new Error('no cluster: run node e2e/main.ts')
    await onStage(current.cluster, tell)
  })
}

async function onStage(cluster: Cluster, tell: (stage: Stage) => Promise<void>): Promise<void> {
  current.stories += 1
  const namespace = `story-${current.stories}`
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
  await kubectl(cluster, ['apply', '-f', '-'], JSON.stringify(object))
  const tenants: Tenant[] = []
  const tenant = (name: string) => {
    const created = new Tenant(cluster, namespace, name)
    tenants.push(created)
    return created
  }
  try {
    await tell({ cluster, namespace, tenant })
  } finally {
    await Promise.all(tenants.map((opened) => opened.close()))
    await kubectl(cluster, ['delete', 'namespace', namespace, '--wait=false'])
  }
}
