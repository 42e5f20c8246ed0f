/** What the probes and people are told. Pure: facts in, verdict out. */

export interface HealthFacts {
  readonly leading: boolean
  /** Since the loop of the leader election last turned. */
  readonly electionIdleMs: number
  readonly caches: readonly CacheFacts[]
  readonly controllers: readonly ControllerFacts[]
}

export interface CacheFacts {
  readonly resource: string
  readonly synced: boolean
  readonly objects: number
  /** Since the API last said something; absent before the first time. */
  readonly silenceMs?: number | undefined
}

export interface ControllerFacts {
  readonly name: string
  readonly running: boolean
  readonly ready: number
  readonly active: number
  readonly delayed: number
}

/** Each turn takes at most a few requests of one second. */
export const ELECTION_IDLE_MS_MAX = 15_000
/** A quiet kind has a bookmark a minute; a stalled watch is replaced after 90 s. */
export const SILENCE_MS_MAX = 240_000

export interface Verdict {
  readonly ok: boolean
  /** Why not, in sentences for people. */
  readonly problems: readonly string[]
}

/** Alive: the event loop answers, which asking proves, and the election goes on. */
export function judgeLiveness({ electionIdleMs }: HealthFacts): Verdict {
  return verdict(
    electionIdleMs > ELECTION_IDLE_MS_MAX ? [`The election hangs for ${electionIdleMs} ms.`] : [],
  )
}

/** Ready: every cache has been filled and still hears from the API. Leading is not needed. */
export function judgeReadiness({ caches }: HealthFacts): Verdict {
  return verdict(
    caches.flatMap(({ resource, synced, silenceMs = 0 }) => {
      if (!synced) return [`The cache of ${resource} is not filled yet.`]
      if (silenceMs > SILENCE_MS_MAX)
        return [`Nothing was heard of ${resource} for ${silenceMs} ms.`]
      return []
    }),
  )
}

const verdict = (problems: readonly string[]): Verdict => ({ ok: problems.length === 0, problems })
