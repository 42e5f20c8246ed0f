/**
 * The snapshots of a shard in its directory:
 *
 *   snapshots/<shard key>/<epoch>-<offset>.rdb
 *
 * Epoch and offset say where in the log the snapshot stands: it holds what all records up to there
 * did. The same is in its aux fields, so that a file under a wrong name is refused.
 */
import type { Disk } from '../disk.ts'
import { UNFINISHED_SUFFIX } from './snapshot.ts'
import type { AuxFields } from './snapshot-stream.ts'

export interface SnapshotPosition {
  readonly epoch: number
  readonly offset: number
}

const name = /^(\d{1,16})-(\d{1,16})\.rdb$/

export const snapshotDirectory = (dataDirectory: string, shardKey: string): string =>
  `${dataDirectory}/snapshots/${shardKey}`

export const snapshotFileName = ({ epoch, offset }: SnapshotPosition): string =>
  `${epoch}-${offset}.rdb`

/** Aux fields that a shard's snapshot has and must have. */
export const snapshotIdentity = (shardKey: string, position: SnapshotPosition): AuxFields => ({
  'miniredis-shard': shardKey,
  'miniredis-epoch': String(position.epoch),
  'miniredis-offset': String(position.offset),
})

/** All whole snapshots in the directory, the newest first. */
export function listSnapshots(disk: Disk, directory: string): SnapshotPosition[] {
  return disk
    .list(directory)
    .flatMap((file) => parseName(file) ?? [])
    .sort((a, b) => b.epoch - a.epoch || b.offset - a.offset)
}

/** Removes what is unfinished, and every snapshot but `kept`. */
export function removeOtherSnapshots(disk: Disk, directory: string, kept: SnapshotPosition): void {
  const keptName = snapshotFileName(kept)
  for (const file of disk.list(directory)) {
    const isOurs = parseName(file) !== undefined || file.endsWith(UNFINISHED_SUFFIX)
    if (isOurs && file !== keptName) disk.remove(`${directory}/${file}`)
  }
}

function parseName(file: string): SnapshotPosition | undefined {
  const match = name.exec(file)
  if (match === null) return undefined
  const [epoch, offset] = [Number(match[1]), Number(match[2])]
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(offset) ? { epoch, offset } : undefined
}
