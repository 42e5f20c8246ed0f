/** A Python with redis-py, in a virtual environment under .cache. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../kubernetes/command.ts'

const REDIS_PY = 'redis==8.1.0'
const home = join(import.meta.dirname, '..', '..', '.cache', 'python', REDIS_PY)

/** The path of the interpreter. @throws CommandError that says what is missing */
export async function ensureRedisPy(): Promise<string> {
  const python = join(home, 'bin', 'python')
  if (existsSync(join(home, 'complete'))) return python
  await runCommand(['python3', '-m', 'venv', home], { env: process.env })
  await runCommand([python, '-m', 'pip', 'install', '--quiet', REDIS_PY], { env: process.env })
  await writeFile(join(home, 'complete'), '')
  return python
}
