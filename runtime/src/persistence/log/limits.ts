/** Limits of the log. */

/** A segment is sealed before it grows beyond; only a larger single record makes it longer. */
export const SEGMENT_BYTES_MAX = 64 * 1024 * 1024
/** Payload of one record: a client command's effects, whose arguments have a limit of their own. */
export const PAYLOAD_BYTES_MAX = 1024 * 1024 * 1024
/** Different shards in one segment; bounds its seal. */
export const SEGMENT_SHARDS_MAX = 65_536
/** Files in the log's directory that are read at start. */
export const SEGMENTS_MAX = 1_000_000

/** Records are collected in buffers of this size. */
export const CHUNK_BYTES = 512 * 1024
/** Buffers that are kept for reuse; more are made while the disk is slow, then dropped. */
export const CHUNKS_KEPT = 4
/** A batch leaves when it has so many bytes, */
export const BATCH_BYTES = 256 * 1024
/** or after this time when nobody waits for its sync. */
export const COLLECT_MS = 1
/** Pending bytes at which the log calls itself congested, and at which it no longer does. */
export const PENDING_BYTES_HIGH = 16 * 1024 * 1024
export const PENDING_BYTES_LOW = 4 * 1024 * 1024

/** Records under `everysec` are synced after so long: with the sync itself, within a second. */
export const SYNC_INTERVAL_MS = 800
/** How often the writer looks at its clock when nothing comes in. */
export const WRITER_TICK_MS = 100
/** Space that is held back, so that what was accepted before a full disk is noticed fits. */
export const RESERVE_BYTES = 32 * 1024 * 1024
/** How often a full disk is tried again. */
export const SPACE_RETRY_MS = 1000

/** Deleted shards are collected for so long, then erased together. */
export const ERASURE_DELAY_MS = 60_000
/** What erasing copies between two looks at the queue. */
export const ERASURE_SLICE_BYTES = 1024 * 1024

/** Recovery reads so much at once; a larger record gets a buffer of its own. */
export const SCAN_BYTES = 1024 * 1024
/** Recovery lets others run after so long. */
export const SCAN_SLICE_MS = 10
/** Damages that a report names one by one. */
export const DAMAGES_MAX = 1000
