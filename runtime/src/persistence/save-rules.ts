/** When a snapshot is due: rules of seconds and changes, as `save` in redis.conf. Pure. */
import type { Persistence, SaveRule } from '@miniredis/crds'

/** After a snapshot that failed, the next is tried so much later. As CONFIG_BGSAVE_RETRY_DELAY. */
export const RETRY_AFTER_MS = 5000

export interface SaveHistory {
  readonly changes: number
  /** When the last snapshot ended well. */
  readonly savedAtMs: number
  /** When the last one was begun. */
  readonly triedAtMs: number
  readonly wasGood: boolean
}

export function isSaveDue(
  rules: readonly SaveRule[],
  history: SaveHistory,
  nowMs: number,
): boolean {
  const { changes, savedAtMs, triedAtMs, wasGood } = history
  if (changes === 0) return false
  if (!wasGood && nowMs - triedAtMs <= RETRY_AFTER_MS) return false
  return rules.some(
    ([seconds, changesMin]) => changes >= changesMin && nowMs - savedAtMs > seconds * 1000,
  )
}

/** `3600 1 300 100` → rules; an empty text is none. undefined: no rules. */
export function parseSaveRules(text: string): Persistence['saveRules'] | undefined {
  const words = text.split(/\s+/).filter((word) => word !== '')
  if (words.length % 2 !== 0) return undefined
  const rules: Persistence['saveRules'] = []
  for (let at = 0; at < words.length; at += 2) {
    const [seconds, changes] = [parsePositive(words[at]), parsePositive(words[at + 1])]
    if (seconds === undefined || changes === undefined) return undefined
    rules.push([seconds, changes])
  }
  return rules
}

export const formatSaveRules = (rules: readonly SaveRule[]): string => rules.flat().join(' ')

const parsePositive = (word: string): number | undefined =>
  /^[1-9]\d{0,8}$/.test(word) ? Number(word) : undefined
