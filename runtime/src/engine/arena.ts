/** Off-heap blocks for all tenants of a process, in size classes. Public face first. */
export declare class Arena {
  /** Bytes of blocks in use, all tenants together. */
  get usedBytes(): number
  /** Bytes of the chunks that hold them: used plus free, what the operating system may see. */
  get reservedBytes(): number
}
