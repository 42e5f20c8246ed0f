/**
 * The numbers of Redis' RDB format (rdb.h) and what this codec takes.
 *
 *   REDIS0010 ─ [aux name value]… ─ per database: SELECTDB n, RESIZEDB keys expiring,
 *               [EXPIRETIME_MS at] [IDLE | FREQ] type key value … ─ EOF crc64
 */

export const RDB_MAGIC = 'REDIS'
/** The version that redis-server 7.0 writes. */
export const RDB_VERSION_WRITTEN = 10
export const RDB_VERSION_MIN = 9
export const RDB_VERSION_MAX = 12
/** Magic and four digits of version. */
export const RDB_HEADER_BYTES = 9

/** The longest string, as everywhere (proto-max-bulk-len). */
export const RDB_STRING_BYTES_MAX = 512 * 1024 * 1024

export const opcodes = {
  slotInfo: 244,
  function: 245,
  functionPreRelease: 246,
  moduleAux: 247,
  idle: 248,
  freq: 249,
  aux: 250,
  resizeDb: 251,
  expireTimeMs: 252,
  expireTime: 253,
  selectDb: 254,
  eof: 255,
} as const

/** What a length begins with: the first two bits, or the whole byte. */
export const lengths = { bits14: 1, bits32: 0x80, bits64: 0x81, encoded: 3 } as const

/** How a string may be kept: the low six bits of an encoded length. */
export const stringEncodings = { int8: 0, int16: 1, int32: 2, lzf: 3 } as const

/** The parts of a module's data, each with the byte that begins it. */
export const moduleParts = {
  end: 0,
  signed: 1,
  unsigned: 2,
  float: 3,
  double: 4,
  string: 5,
} as const

/** Types of values. Those that the engine has are the rows of value-types.ts. */
export const typeNames: Readonly<Record<number, string>> = {
  0: 'string',
  1: 'list',
  2: 'set',
  3: 'zset',
  4: 'hash',
  5: 'zset_2',
  6: 'module',
  7: 'module_2',
  9: 'hash_zipmap',
  10: 'list_ziplist',
  11: 'set_intset',
  12: 'zset_ziplist',
  13: 'hash_ziplist',
  14: 'list_quicklist',
  15: 'stream_listpacks',
  16: 'hash_listpack',
  17: 'zset_listpack',
  18: 'list_quicklist_2',
  19: 'stream_listpacks_2',
  20: 'set_listpack',
  21: 'stream_listpacks_3',
  22: 'hash_metadata_pre_ga',
  23: 'hash_listpack_ex_pre_ga',
  24: 'hash_metadata',
  25: 'hash_listpack_ex',
}
