import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 100

/**
 * Waits until `attempt` stops throwing and gives its value.
 * @throws the last error of `attempt` when `deadlineMs` has passed
 */
export async function eventually<T>(
  attempt: () => Promise<T>,
  { deadlineMs = 60_000 }: { deadlineMs?: number } = {},
): Promise<T> {
  const end = performance.now() + deadlineMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > end) throw error
      await sleep(POLL_MS)
    }
  }
}
