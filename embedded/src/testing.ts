/** A cluster's API for tests: in memory, with a clock, identities and deferred work under control. */

import type { Registry } from './registry/registry.ts'
import type { ApiStore, StoreEnvironment } from './store/api-store.ts'
import { openStore } from './store/open-api-store.ts'

export const TEST_START_MS = Date.UTC(2030, 0, 1)

export interface TestApi {
  readonly store: ApiStore
  readonly registry: Registry
  /** Runs everything that the store has deferred, and what that defers. */
  settle(): void
  advance(milliseconds: number): void
}

export function openTestApi(
  overrides: Partial<StoreEnvironment> & { path?: string } = {},
): TestApi {
  const { path = ':memory:', ...environment } = overrides
  const tasks: (() => void)[] = []
  let nowMs = TEST_START_MS
  let identities = 0
  let seed = 1
  const opened = openStore({
    path,
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
