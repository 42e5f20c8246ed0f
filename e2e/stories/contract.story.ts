/** zod and the API server judge alike: what one accepts the other accepts. */
import assert from 'node:assert/strict'
import { KubeConfig, KubernetesObjectApi } from '@kubernetes/client-node'
import { runtimePoolSchema, tenantNodeSchema } from '@miniredis/crds'
import fc from 'fast-check'
import { type RandomManifest, randomManifest } from '../../crds/testing/manifests.ts'
import { story } from '../src/story.ts'

const MANIFESTS = 300

const schemas = { TenantNode: tenantNodeSchema, RuntimePool: runtimePoolSchema } as const

function acceptedByZod({ kind, metadata, spec }: RandomManifest): boolean {
  return schemas[kind].safeParse({ metadata: { ...metadata, uid: 'u' }, spec }).success
}

describe('contract', () => {
  story('zod and the API server accept the same manifests', async ({ cluster, namespace }) => {
    const config = new KubeConfig()
    config.loadFromFile(cluster.kubeconfig)
    const api = KubernetesObjectApi.makeApiClient(config)
    const accepted = { true: 0, false: 0 }
    await fc.assert(
      fc.asyncProperty(randomManifest(namespace), async (manifest) => {
        const answer = await create(api, manifest)
        const byZod = acceptedByZod(manifest)
        accepted[`${byZod}`] += 1
        assert.equal(answer === 'accepted', byZod, `${JSON.stringify(manifest)}: ${answer}`)
      }),
      { numRuns: MANIFESTS },
    )
    assert.ok(accepted.true > MANIFESTS / 10 && accepted.false > MANIFESTS / 10, 'one-sided sample')
  })
})

/** 'accepted', or what the API server said. Nothing is stored. */
async function create(api: KubernetesObjectApi, manifest: RandomManifest): Promise<string> {
  try {
    await api.create({ apiVersion: 'miniredis.io/v1alpha1', ...manifest }, undefined, 'All')
    return 'accepted'
  } catch (error) {
    return (error as Error).message
  }
}
