/** Limits of the operator's links to members. Those that both ends must know are in crds. */
import { BEAT_INTERVAL_MS, SUSPICION_MS } from '@miniredis/crds'

/** Beats without an answer until a member is suspected. Counted, so that a frozen operator blames nobody. */
export const SUSPICION_BEATS = SUSPICION_MS / BEAT_INTERVAL_MS
/** Beats without an answer until the connection is given up and dialled anew. */
export const SILENT_BEATS_MAX = 10
/** Reconnection: within about a second while a pod starts, never a storm. */
export const RECONNECT = { firstMs: 100, mostMs: 2_000 } as const
/** An assign or unassign without a result is unanswered. */
export const REQUEST_MS_MAX = 5_000
/** Requests of one member that wait for their results. */
export const REQUESTS_MAX = 4_096
/** Engine exits remembered of a member. */
export const EXITS_KEPT_MAX = 16
