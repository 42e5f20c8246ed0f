/** How far the log has got, as those see it who wait for it. */
export interface Durability {
  /** Records up to this sequence are on the disk. */
  readonly syncedSequence: number
  /** More waits for the disk than is good: whoever writes shall wait. */
  readonly isCongested: boolean
}
