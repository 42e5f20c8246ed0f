/**
 * `node embedded/generator/built-in-schemas.ts <checkout of kubernetes>` cuts the definitions of the
 * kinds that we serve out of Kubernetes' own OpenAPI files (Apache-2.0) and writes them to
 * src/schema/generated. Run it when the Kubernetes version or the list of kinds changes.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

type Definition = Record<string, unknown>

const kindsByFile: Readonly<Record<string, readonly string[]>> = {
  api__v1: [
    'Binding',
    'ConfigMap',
    'Event',
    'Namespace',
    'Node',
    'PersistentVolume',
    'PersistentVolumeClaim',
    'Pod',
    'Secret',
    'Service',
    'ServiceAccount',
  ],
  'apis__apiextensions.k8s.io__v1': ['CustomResourceDefinition'],
  'apis__authentication.k8s.io__v1': ['SelfSubjectReview'],
  'apis__authorization.k8s.io__v1': ['SelfSubjectAccessReview'],
  'apis__coordination.k8s.io__v1': ['Lease'],
  'apis__discovery.k8s.io__v1': ['EndpointSlice'],
  'apis__storage.k8s.io__v1': ['StorageClass'],
}

const alsoNeeded = [
  'io.k8s.api.autoscaling.v1.Scale',
  'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
  'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Patch',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Status',
]

function cutDefinitions(source: string): Map<string, Definition> {
  const kept = new Map<string, Definition>()
  for (const [file, kinds] of Object.entries(kindsByFile)) {
    const path = join(source, 'api/openapi-spec/v3', `${file}_openapi.json`)
    const document = JSON.parse(readFileSync(path, 'utf8'))
    const all = document.components.schemas as Record<string, Definition>
    const keep = (name: string): void => {
      const definition = all[name]
      if (definition === undefined || kept.has(name)) return
      kept.set(name, definition)
      for (const reference of JSON.stringify(definition).matchAll(/components\/schemas\/([^"]+)/g))
        keep(reference[1] ?? '')
    }
    for (const [name, definition] of Object.entries(all)) {
      if (kinds.includes(onlyKind(definition)) || alsoNeeded.includes(name)) keep(name)
    }
  }
  return kept
}

function onlyKind(definition: Definition): string {
  const kinds = (definition['x-kubernetes-group-version-kind'] ?? []) as { kind: string }[]
  return kinds.length === 1 ? (kinds[0]?.kind ?? '') : ''
}

const [source] = process.argv.slice(2)
if (source === undefined) throw new Error('which checkout of kubernetes?')
const lines = [...cutDefinitions(source)]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, definition]) => `${JSON.stringify(name)}: ${JSON.stringify(definition)}`)
const target = join(import.meta.dirname, '../src/schema/generated/kubernetes-1.34.json')
writeFileSync(target, `{\n${lines.join(',\n')}\n}\n`)
