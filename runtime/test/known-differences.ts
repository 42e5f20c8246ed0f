/** Where our replies differ from redis-server's on purpose. The list may only shrink. */

export interface KnownDifference {
  /** Title of the referee's stream or wire, and the index of the command in it (0 for a wire). */
  readonly stream: string
  readonly at: number
  readonly reason: string
}

export const knownDifferences: readonly KnownDifference[] = [
  {
    stream: 'more arguments than any command takes',
    at: 0,
    reason: 'we keep the limit of a million that Redis had up to 6.2; 7.0 takes two billion',
  },
  {
    stream: 'a length line that does not end',
    at: 0,
    reason: 'we refuse after 32 bytes without a line end, Redis waits for 64 KiB',
  },
]
