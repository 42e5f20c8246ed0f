/** A cluster's API for tests: in memory, with a clock, identities and deferred work under control. */

import type { Registry } from './registry/registry.ts'
import type { ApiStore, StoreEnvironment } from './store/api-store.ts'
import type { Resource } from './store/kube-object.ts'
import { openStore } from './store/open-api-store.ts'

export const TEST_START_MS = Date.UTC(2030, 0, 1)

export interface TestApi {
  readonly store: ApiStore
  readonly registry: Registry
  /** Runs everything that the store has deferred, and what that defers. */
  settle(): void
  advance(milliseconds: number): void
}

export type TestApiOptions = Partial<StoreEnvironment> & {
  readonly path?: string
  readonly historyEventsMax?: number
}

export function openTestApi(overrides: TestApiOptions = {}): TestApi {
  const { path = ':memory:', historyEventsMax, ...environment } = overrides
  const tasks: (() => void)[] = []
  let nowMs = TEST_START_MS
  let identities = 0
  let seed = 1
  const opened = openStore({
    path,
    ...(historyEventsMax !== undefined && { historyEventsMax }),
    environment: {
      now: () => nowMs,
      newUid: () => {
        identities += 1
        return `00000000-0000-4000-8000-${String(identities).padStart(12, '0')}`
      },
      random: () => {
        seed = (seed * 16_807) % 2_147_483_647
        return seed / 2_147_483_647
      },
      defer: (task) => tasks.push(task),
      ...environment,
    },
  })
  return {
    ...opened,
    settle: () => {
      for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) task()
    },
    advance: (milliseconds) => {
      nowMs += milliseconds
    },
  }
}

/** A small custom resource with a default, bounds, rules, status and scale. */
export const widgets: Resource = { group: 'example.com', version: 'v1', plural: 'widgets' }

const widgetSpec = {
  type: 'object',
  default: {},
  properties: {
    size: {
      type: 'integer',
      format: 'int64',
      minimum: 0,
      maximum: 10,
      'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'can only grow' }],
    },
    color: { type: 'string', enum: ['blue', 'red'], default: 'blue' },
    limit: {
      type: 'string',
      'x-kubernetes-validations': [{ rule: 'isQuantity(self)', message: 'must be a quantity' }],
    },
    parts: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string' }, count: { type: 'integer' } },
      },
    },
    tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    blob: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
}

export const widgetDefinition = {
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets', shortNames: ['wg'], categories: ['all'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' },
        },
        additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              metadata: { type: 'object' },
              spec: widgetSpec,
              status: {
                type: 'object',
                properties: { ready: { type: 'boolean' }, size: { type: 'integer' } },
              },
            },
          },
        },
      },
    ],
  },
}
