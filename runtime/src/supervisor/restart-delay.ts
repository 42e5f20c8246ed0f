/** When a crashed engine is started again. Pure. */
import { ENGINE_STABLE_MS, RESTART_DELAY_MS_FIRST, RESTART_DELAY_MS_MAX } from './limits.ts'

export interface CrashHistory {
  /** Ends in a row of engines that lived shorter than ENGINE_STABLE_MS. */
  readonly shortLives: number
}

export const noCrashes: CrashHistory = { shortLives: 0 }

/** The history after an engine that lived `livedMs` ended, and the delay before the next one. */
export function planRestart({ shortLives }: CrashHistory, livedMs: number) {
  const next = livedMs < ENGINE_STABLE_MS ? shortLives + 1 : 0
  return { history: { shortLives: next }, delayMs: restartDelayMs(next) }
}

/** The first crash costs no delay; later ones 100, 200, 400 ms, and so on to the limit. */
function restartDelayMs(shortLives: number): number {
  if (shortLives < 2) return 0
  return Math.min(RESTART_DELAY_MS_FIRST * 2 ** (shortLives - 2), RESTART_DELAY_MS_MAX)
}
