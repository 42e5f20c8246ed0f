/** Glob patterns over strings of one character per byte, for names of settings and commands. */
import { Glob } from '../engine/glob.ts'

/** Whether `text` matches `pattern`, by the rules of KEYS. */
export function matchesText(pattern: string, text: string): boolean {
  const patternBytes = Buffer.from(pattern, 'latin1')
  const textBytes = Buffer.from(text, 'latin1')
  return new Glob(patternBytes, 0, patternBytes.length).matches(textBytes, 0, textBytes.length)
}
