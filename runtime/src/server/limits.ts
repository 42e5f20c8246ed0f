/** Limits of connections. Those that an operator of a server may change are in `EngineLimits`. */

/** One read takes at most so much; all connections share one buffer of this size. */
export const READ_BYTES = 64 * 1024
/** A connection's turn ends after so many commands or so much time, then others run. */
export const TURN_COMMANDS_MAX = 64
export const TURN_MS_MAX = 0.25
/** Bytes of replies after which a turn ends, so that they leave before more are made. */
export const TURN_OUTPUT_BYTES = 256 * 1024
/** A peer that leaves so much unread is not read from until it has caught up. */
export const OUTPUT_PAUSE_BYTES = 256 * 1024
/** The same for writes: each costs some memory however few its bytes are. */
export const PENDING_WRITES_MAX = 64
/** Longest time for the peer to take the last reply of a connection that is being closed. */
export const LINGER_MS = 2000
/** Connections beyond the process's limit that may linger so; more are closed without a word. */
export const REFUSALS_MAX = 256

export interface EngineLimits {
  /** Connections of all tenants and of nobody. */
  readonly connectionsMax: number
  /** Connections that have not authenticated; one more closes the oldest of them. */
  readonly newcomersMax: number
  /** Time from connecting, or from RESET, to being authenticated. */
  readonly authenticationMs: number
  /** Time for the rest of a command that an unauthenticated peer has begun. */
  readonly newcomerRequestMs: number
  /** Bytes of an unfinished command before authentication. */
  readonly newcomerQueryBytesMax: number
  /** Bytes of an unfinished command, and of commands that wait behind it. */
  readonly queryBytesMax: number
  /** Bytes of replies that a peer has not read; it is closed beyond. */
  readonly outputBytesMax: number
  /** Floor of the buffers that all connections of a tenant may hold; its memory limit raises it. */
  readonly tenantBufferBytesMin: number
  /** A session that sends nothing for so long is closed; 0: never. */
  readonly idleMs: number
}

export const defaultLimits: EngineLimits = {
  connectionsMax: 10_000,
  newcomersMax: 512,
  authenticationMs: 60_000,
  newcomerRequestMs: 10_000,
  newcomerQueryBytesMax: 64 * 1024,
  queryBytesMax: 1024 * 1024 * 1024,
  outputBytesMax: 513 * 1024 * 1024,
  tenantBufferBytesMin: 64 * 1024 * 1024,
  idleMs: 0,
}
