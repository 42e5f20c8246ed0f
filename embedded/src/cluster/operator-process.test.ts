import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import { readLogFiles } from '../kubelet/container-log.ts'
import { ProcessRecords } from '../kubelet/process-records.ts'
import { OperatorProcess } from './operator-process.ts'

describe('operator process', () => {
  const home = mkdtempSync(join(tmpdir(), 'operator-'))
  const logPath = join(home, 'operator.log')
  after(() => rmSync(home, { recursive: true, force: true }))

  const create = (script: string, onEnd: (message: string) => void) =>
    new OperatorProcess({
      argv: [process.execPath, '-e', script],
      env: {},
      directory: home,
      logPath,
      clock: systemClock,
      records: new ProcessRecords(join(home, 'processes')),
      onEnd,
    })
  const text = async () => {
    let all = ''
    for await (const line of readLogFiles(logPath, {})) all += line
    return all
  }

  it('starts again whenever it ends, each time under a new name', async () => {
    const ends: string[] = []
    const twice = Promise.withResolvers<void>()
    const operator = create(
      'console.log(process.env.MINIREDIS_POD_NAME); process.exit(4)',
      (why) => {
        ends.push(why)
        if (ends.length === 2) twice.resolve()
      },
    )
    operator.start()
    await twice.promise
    await operator.stop(1000)
    assert.deepEqual(ends.slice(0, 2), ['exit code 4', 'exit code 4'])
    const names = (await text()).trim().split('\n')
    assert.equal(new Set(names).size, names.length)
    for (const name of names) assert.match(name, /^miniredis-operator-[0-9a-f]{8}$/)
  })

  it('is started again after it was killed, and not after it was stopped', async () => {
    const killed = Promise.withResolvers<string>()
    const operator = create('setInterval(() => {}, 1000)', killed.resolve)
    operator.start()
    while (operator.pid === undefined) await new Promise(setImmediate)
    operator.kill()
    assert.equal(await killed.promise, 'exit code 137')
    await operator.stop(1000)
    assert.equal(operator.pid, undefined)
  })
})
