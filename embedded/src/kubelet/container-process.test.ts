import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../clock.ts'
import { ContainerLog } from './container-log.ts'
import { ContainerProcess } from './container-process.ts'
import { containerIdVariable, ProcessRecords } from './process-records.ts'
import { groupMembers } from './process-table.ts'

const eachLine = async (log: ContainerLog, wanted: string): Promise<void> => {
  for await (const line of log.read({ follow: true })) if (line.includes(wanted)) return
}

describe('container process', () => {
  const home = mkdtempSync(join(tmpdir(), 'container-process-'))
  after(() => rmSync(home, { recursive: true, force: true }))
  let run = 0

  const start = async (script: string, env: Record<string, string> = {}) => {
    run += 1
    const log = new ContainerLog(join(home, `${run}.log`))
    const command = { argv: [process.execPath, '-e', script], env }
    const options = { command, directory: home, log, clock: systemClock }
    return { log, container: await ContainerProcess.start(options) }
  }
  const text = async (log: ContainerLog) => {
    let all = ''
    for await (const line of log.read({})) all += line
    return all
  }

  it('gets exactly the environment it was given, and its output is kept', async () => {
    const script = 'console.log(JSON.stringify(process.env)); console.error("problem")'
    const { log, container } = await start(script, { ONLY: 'this' })
    const { exitCode, signal } = await container.exited
    assert.deepEqual({ exitCode, signal }, { exitCode: 0, signal: undefined })
    assert.match(await text(log), /^\{"ONLY":"this"\}$/m)
    assert.match(await text(log), /^problem$/m)
  })

  it('reports exit codes and signals', async () => {
    const failed = await start('process.exit(3)')
    assert.equal((await failed.container.exited).exitCode, 3)
    const killed = await start('setInterval(() => {}, 1000); console.log("up")')
    await eachLine(killed.log, 'up')
    killed.container.signal('SIGKILL')
    const { exitCode, signal } = await killed.container.exited
    assert.deepEqual({ exitCode, signal }, { exitCode: 137, signal: 9 })
  })

  it('has ended only when its children have', async () => {
    const child = 'setInterval(() => {}, 1000); console.log("child up")'
    const script = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}],
      { stdio: 'inherit' }); setInterval(() => {}, 1000)`
    const { log, container } = await start(script)
    await eachLine(log, 'child up')
    assert.equal(groupMembers(container.pid).length, 2)
    container.signal('SIGKILL')
    await container.exited
    assert.deepEqual(groupMembers(container.pid), [])
  })

  it('says so when the program does not exist', async () => {
    const options = {
      command: { argv: ['/nowhere/program'], env: {} },
      directory: home,
      log: new ContainerLog(join(home, 'none.log')),
      clock: systemClock,
    }
    await assert.rejects(ContainerProcess.start(options), /ENOENT/)
  })

  it('reads end-of-file when the cluster dies', async () => {
    const script = `process.stdin.on('end', () => process.exit(7)).resume(); console.log('up')`
    const parent = `const child = require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(script)}],
      { stdio: ['pipe', 'inherit', 'inherit'], detached: true }); setInterval(() => {}, 1000)`
    const { log, container } = await start(parent)
    await eachLine(log, 'up')
    container.signal('SIGKILL')
    await container.exited // would wait for ever: the grandchild holds the output pipes
  })
})

describe('process records', () => {
  const home = mkdtempSync(join(tmpdir(), 'process-records-'))
  after(() => rmSync(home, { recursive: true, force: true }))

  /** Each look at it is a second later. */
  let time = 0
  const impatientClock: Clock = { ...systemClock, now: () => (time += 1000) }

  const startStubborn = async (env: Record<string, string>) => {
    const log = new ContainerLog(join(home, `${env[containerIdVariable]}.log`))
    const script = 'setInterval(() => {}, 1000); console.log("up")'
    const container = await ContainerProcess.start({
      command: { argv: [process.execPath, '-e', script], env },
      directory: home,
      log,
      clock: systemClock,
    })
    await eachLine(log, 'up')
    return container
  }

  it('end what a killed cluster left behind', async () => {
    const containerId = 'run-1'
    const container = await startStubborn({ [containerIdVariable]: containerId })
    const identity = container.identity
    assert.ok(identity)
    const records = new ProcessRecords(join(home, 'records'))
    await records.add({ containerId, ...identity })
    assert.equal(await records.endRemnants(impatientClock), 1)
    assert.equal((await container.exited).exitCode, 137)
    assert.equal(await records.endRemnants(impatientClock), 0)
  })

  it('leave a process alone whose number was used again', async () => {
    const container = await startStubborn({ [containerIdVariable]: 'somebody-else' })
    const records = new ProcessRecords(join(home, 'records'))
    await records.add({ containerId: 'run-2', pid: container.pid, startTicks: 1 })
    assert.equal(await records.endRemnants(impatientClock), 0)
    assert.equal(groupMembers(container.pid).length, 1)
    container.kill()
    await container.exited
  })
})
