import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identifyProcess } from '../kubelet/process-table.ts'
import { assertPortIsFree, findDaemon, launchDaemon, waitFor } from './daemon.ts'
import { homeAt, openHome } from './home.ts'

describe('cluster in the background', () => {
  const home = homeAt(mkdtempSync(join(tmpdir(), 'daemon-')))
  after(() => rmSync(home.directory, { recursive: true, force: true }))

  it('is found by process number and start time, never by the number alone', () => {
    assert.equal(findDaemon(home), undefined)
    const daemon = { ...identifyProcess(process.pid), apiUrl: 'https://127.0.0.1:1' }
    writeFileSync(home.daemon, JSON.stringify(daemon))
    assert.equal(findDaemon(home)?.pid, process.pid)
    writeFileSync(home.daemon, JSON.stringify({ ...daemon, startTicks: 1 }))
    assert.equal(findDaemon(home), undefined)
    writeFileSync(home.daemon, '{"pid":')
    assert.equal(findDaemon(home), undefined)
  })

  it('shows the end of its log when it does not start', async () => {
    openHome(home)
    const program = join(home.directory, 'broken.mjs')
    writeFileSync(program, `console.error('port 1 is taken'); process.exit(1)`)
    await assert.rejects(
      launchDaemon({ home, program, environment: {} }),
      /did not start: it ended with exit code 1\n(.*\n)*port 1 is taken/,
    )
  })

  it('names a port that is taken and the variable that moves it', async () => {
    const squatter = createServer().listen(0, '127.0.0.1')
    await once(squatter, 'listening')
    const { port } = squatter.address() as AddressInfo
    const wanted = new RegExp(`^Error: port ${port} on 127.0.0.1 is taken.*MINIREDIS_PORT_BASE`)
    await assert.rejects(assertPortIsFree(port), wanted)
    squatter.close()
    await once(squatter, 'close')
    await assertPortIsFree(port)
  })

  it('is waited for within bounds', async () => {
    const answers = [false, undefined, 'there'] as const
    const looks = answers.values()
    assert.equal(await waitFor(() => looks.next().value, 10_000), 'there')
    assert.equal(await waitFor(() => false, 0), undefined)
  })
})
