/**
 * `miniredis-check-log [--fix] <directory>`: explains a log, offline.
 *
 * Exit code 0: whole, or repaired; 1: a torn tail or damage is left; 2: it could not be looked at.
 */
import { parseArgs } from 'node:util'
import { checkLog, cutTornTail } from './persistence/log/check-log.ts'
import { NodeDisk } from './persistence/node-disk.ts'

const USAGE = `Usage: miniredis-check-log [--fix] <directory>

Explains the log in <directory> (<data>/log of a member, <dir>/miniredis-log of miniredis-server).
  --fix   cuts a torn tail; the bytes that are cut are kept in a file beside the segment.
The engine must not be running: what it is just writing looks like a torn tail.`

function run(): number {
  const { values, positionals } = parseArgs({
    options: { fix: { type: 'boolean' }, help: { type: 'boolean' } },
    allowPositionals: true,
  })
  const [directory] = positionals
  if (values.help === true || directory === undefined || positionals.length > 1) {
    console.log(USAGE)
    return values.help === true ? 0 : 2
  }
  const disk = new NodeDisk()
  const { lines, tornTail, damages } = checkLog(disk, directory)
  for (const line of lines) console.log(line)
  if (tornTail === undefined || values.fix !== true) {
    return damages.length > 0 || tornTail !== undefined ? 1 : 0
  }
  console.log(`Cut. The bytes are in ${cutTornTail(disk, directory, tornTail)}`)
  return damages.length > 0 ? 1 : 0
}

try {
  process.exitCode = run()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
