/** Every limit of the supervisor, in one place. Those that both ends must know are in crds. */

/** The engine is asked for a sign of life so often; SUSPICION_MS must be a multiple. */
export const PING_INTERVAL_MS = 250
/** What an engine may take its time for. */
export interface EnginePatience {
  /** Until it is ready; then it is killed and started again. */
  readonly startMs: number
  /** Without progress of its event loop; it will not come back, and is killed. */
  readonly stallMs: number
  /** To close its connections when it is told to stop; then SIGKILL. */
  readonly stopMs: number
  /** To confirm an assignment that is already durable. */
  readonly applyMs: number
}
export const enginePatience: EnginePatience = {
  startMs: 30_000,
  stallMs: 60_000,
  stopMs: 5_000,
  applyMs: 3_000,
}
/** An engine that lived shorter crashed "immediately": the next start is delayed a little. */
export const ENGINE_STABLE_MS = 10_000
export const RESTART_DELAY_MS_FIRST = 100
/** Keeps even a crash loop within "back within a second" while the CPU stays usable. */
export const RESTART_DELAY_MS_MAX = 800

/** Authenticated control connections. Two leaders overlap at a handover; one more closes the oldest. */
export const CONTROL_CONNECTIONS_MAX = 8
/** Connections that have not proven yet who they are. One more closes the oldest of them. */
export const CONTROL_HANDSHAKES_MAX = 64
export const CONTROL_HANDSHAKE_MS_MAX = 5_000
/** A peer that completes no frame for so long is hung up on; a leader beats every 500 ms. */
export const CONTROL_SILENCE_MS_MAX = 5_000
/** Unanswered requests of one connection; beyond, its bytes wait in the kernel. */
export const CONTROL_REQUESTS_MAX = 1_024
/** Bytes that wait for a slow reader; a full hello is below 1 MiB. */
export const CONTROL_OUTGOING_BYTES_MAX = 8 << 20

/** Certificates are read again so often. */
export const TLS_RELOAD_INTERVAL_MS = 5_000

/** Changes in one write and one fsync. */
export const JOURNAL_BATCH_MAX = 1_024
/** Changes that wait for a write; beyond, the request is refused with StorageFailed. */
export const JOURNAL_QUEUE_MAX = 16_384
/** The journal is rewritten when it is longer than this and than twice its last rewrite. */
export const JOURNAL_REWRITE_BYTES_MIN = 1 << 20
export const JOURNAL_FRAME_BYTES_MAX = 64 << 20
/** Epochs remembered of shards given up; the oldest are forgotten, long after anybody asks. */
export const FENCES_MAX = 65_536

/** Tenants with metrics of their own; the rest is counted in one. */
export const TENANT_SERIES_MAX = 1_000
