/** A Python with redis-py, in a virtual environment under .cache. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from './run-command.ts'

const REDIS_PY = 'redis==8.1.0'
const home = join(import.meta.dirname, '..', '..', '.cache', 'python', REDIS_PY)

/** The path of the interpreter. @throws Error that says what is missing */
export async function ensureRedisPy(): Promise<string> {
  const python = join(home, 'bin', 'python')
  if (existsSync(join(home, 'complete'))) return python
  await must('python3', ['-m', 'venv', home])
  await must(python, ['-m', 'pip', 'install', '--quiet', REDIS_PY])
  await must('touch', [join(home, 'complete')])
  return python
}

async function must(program: string, args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runCommand(program, args)
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr} (python3-venv?)`)
}
