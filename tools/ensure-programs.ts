/** `node tools/ensure-programs.ts redis-server redis-benchmark`: what a make target needs. */
import { ensurePrograms } from './debian-packages.ts'

const packageOf: Readonly<Record<string, string>> = {
  'redis-server': 'redis-server',
  'redis-benchmark': 'redis-tools',
}

const programs = process.argv.slice(2).map((program) => {
  const packageName = packageOf[program]
  if (packageName === undefined) throw new Error(`no package is known for ${program}`)
  return { program, packageName }
})

try {
  ensurePrograms(programs, console.log)
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
