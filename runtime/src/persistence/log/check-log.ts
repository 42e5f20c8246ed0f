/** Explains a log's directory in words, and repairs the one thing that can be: a torn tail. */
import type { Disk } from '../disk.ts'
import { SCAN_BYTES } from './limits.ts'
import { LogScan } from './log-scan.ts'
import { kindAt, kinds } from './record.ts'
import type { Damage, TornTail } from './scan-report.ts'
import { listSegments } from './segment-files.ts'

export interface LogCheck {
  readonly lines: readonly string[]
  readonly tornTail: TornTail | undefined
  readonly damages: readonly Damage[]
}

/** Reads the whole log; changes nothing. Throws a DiskError when the directory cannot be read. */
export function checkLog(disk: Disk, directory: string): LogCheck {
  const counts = new Map<string, number>()
  const scan = new LogScan({
    disk,
    directory,
    snapshots: new Map(),
    beginsAnywhere: true,
    apply: () => undefined,
    restart: () => undefined,
    visit: ({ buffer, at }, { path }) => {
      const kind = kindAt(buffer, at)
      if (kind !== kinds.mark && kind !== kinds.seal) counts.set(path, (counts.get(path) ?? 0) + 1)
    },
  })
  const work = scan.run()
  let step = work.next()
  while (!step.done) step = work.next()
  const end = step.value
  const damages = scan.damages.list()
  const segments = listSegments(disk, directory).map(({ path, bytes, number }) => {
    const summary = end.segments.find((segment) => segment.number === number)
    const state = summary === undefined ? 'not readable' : summary.isSealed ? 'sealed' : 'open'
    const records = `${counts.get(path) ?? 0} records of ${summary?.shards.size ?? 0} shards`
    return `${path}: ${bytes} bytes, ${records}, ${state}`
  })
  const shards = [...scan.tracks.values()].map(
    ({ key, loggedEpoch, loggedOffset, isForgotten }) =>
      `shard ${key}: epoch ${loggedEpoch}, offset ${loggedOffset}${isForgotten ? ', deleted' : ''}`,
  )
  const lines = [...segments, ...shards.sort(), ...damages.map(explainDamage)]
  if (end.tornTail !== undefined) lines.push(explainTornTail(end.tornTail))
  if (segments.length === 0) lines.push(`${directory} holds no log.`)
  else if (damages.length === 0 && end.tornTail === undefined) lines.push('The log is whole.')
  return { lines, tornTail: end.tornTail, damages }
}

function explainDamage({ file, position, reason, shards, isOpen }: Damage): string {
  const known = shards.length === 0 ? 'none that is known' : shards.join(', ')
  const others = isOpen ? ', and perhaps every shard without later records' : ''
  return `DAMAGE in ${file} at byte ${position}: ${reason}; lost records of: ${known}${others}`
}

const explainTornTail = ({ file, position, bytes, reason }: TornTail): string =>
  `Torn tail in ${file} at byte ${position}: ${bytes} bytes that were not synced (${reason})`

/**
 * Cuts a torn tail, as recovery would. 1. Writes the bytes that it cuts to a file beside the
 * segment, synced. 2. Cuts, synced. Returns the path of that file. Nobody else may use the log.
 */
export function cutTornTail(disk: Disk, directory: string, tail: TornTail): string {
  const copyPath = `${tail.file}.cut-at-${tail.position}`
  const source = disk.open(tail.file, 'update')
  try {
    const copy = disk.open(copyPath, 'create')
    try {
      const buffer = Buffer.alloc(SCAN_BYTES)
      for (let done = 0; done < tail.bytes; ) {
        const count = source.read(buffer, tail.position + done)
        if (count === 0) break
        copy.write([buffer.subarray(0, count)], done)
        done += count
      }
      copy.sync()
    } finally {
      copy.close()
    }
    disk.syncDirectory(directory)
    source.truncate(tail.position)
    source.sync()
  } finally {
    source.close()
  }
  return copyPath
}
