/** Which resources exist right now: the built-in ones, and those of the CRDs in the table. */
import { apiVersionOf, type KubeObject, type Resource, resourceName } from '../store/kube-object.ts'
import { resources } from '../store/resources.ts'
import { builtInKinds } from './built-in-kinds.ts'
import { defineCustomResources } from './custom-resource-definitions.ts'
import type { ResourceDefinition } from './resource-definition.ts'

const keyOf = (resource: Resource): string => `${apiVersionOf(resource)}/${resource.plural}`

export const definitionsCollection = resourceName(resources.customResourceDefinitions)

export class Registry {
  readonly #builtIn = new Map(
    builtInKinds.map((definition) => [keyOf(definition.resource), definition]),
  )
  /** By name of the CRD. */
  readonly #custom = new Map<string, readonly ResourceDefinition[]>()
  #byKey = this.#builtIn
  #changes = 0

  /** Takes a CRD's kinds in, or out when `definition` is undefined. */
  define(name: string, definition: KubeObject | undefined): void {
    if (definition === undefined) this.#custom.delete(name)
    else this.#custom.set(name, defineCustomResources(definition))
    const custom = [...this.#custom.values()].flat()
    this.#byKey = new Map([
      ...this.#builtIn,
      ...custom.map((one) => [keyOf(one.resource), one] as const),
    ])
    this.#changes += 1
  }

  find(resource: Resource): ResourceDefinition | undefined {
    return this.#byKey.get(keyOf(resource))
  }

  findKind(apiVersion: string, kind: string): ResourceDefinition | undefined {
    return this.all().find((one) => one.kind === kind && apiVersionOf(one.resource) === apiVersion)
  }

  /** One definition for each collection: the version that is stored. */
  stored(): ResourceDefinition[] {
    const seen = new Map<string, ResourceDefinition>()
    for (const one of this.all()) if (!seen.has(one.collection)) seen.set(one.collection, one)
    return [...seen.values()]
  }

  all(): ResourceDefinition[] {
    return [...this.#byKey.values()]
  }

  /** Moves whenever the list changes: a key for caches. */
  get changes(): number {
    return this.#changes
  }
}
