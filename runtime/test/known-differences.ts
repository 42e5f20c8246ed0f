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
  {
    stream: 'times beyond what a double holds',
    at: 4,
    reason: 'a time after the year 287396 is kept as the last that a double holds exactly',
  },
  {
    stream: 'times beyond what a double holds',
    at: 5,
    reason: 'two such times count as equal, so that neither is less than the other',
  },
  {
    stream: 'a long option that nobody knows',
    at: 1,
    reason: 'an error repeats at most 128 bytes of a request, as Redis itself does elsewhere',
  },
  {
    stream: 'hello with one bad option',
    at: 1,
    reason: 'a refused HELLO changes nothing; Redis keeps the options before the bad one',
  },
]
