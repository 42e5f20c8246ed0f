/** Names that a client gives itself: printable ASCII without spaces, so that CLIENT LIST stays readable. */
import type { Args } from '../protocol/args.ts'

export const INVALID_NAME =
  'ERR Client names cannot contain spaces, newlines or special characters.'

/** Whether every byte of argument `index` lies between `!` and `~`. */
export function isValidName(args: Args, index: number): boolean {
  for (let at = args.start(index); at < args.end(index); at++) {
    if (args.buffer[at] < 0x21 || args.buffer[at] > 0x7e) return false
  }
  return true
}
