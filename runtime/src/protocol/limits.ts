/** Limits of a request on the wire. Sources: Redis' server.h and proto-max-bulk-len. */

/** One argument. */
export const BULK_BYTES_MAX = 512 * 1024 * 1024
/** Arguments of one command, the name included. */
export const ARGS_MAX = 1024 * 1024
/** An inline command. */
export const INLINE_BYTES_MAX = 64 * 1024
/**
 * The line of a length without its end. Redis waits for 64 KiB; as no line longer than a 64-bit
 * integer can be valid, waiting would only buy a slow sender more scans of it.
 */
export const LENGTH_LINE_BYTES_MAX = 32
/** The same before authentication: enough for HELLO with every option. */
export const UNAUTHENTICATED_ARGS_MAX = 10
export const UNAUTHENTICATED_BULK_BYTES_MAX = 16 * 1024
