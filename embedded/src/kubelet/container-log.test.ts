import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { ContainerLog, type LogReadOptions, readLogFiles } from './container-log.ts'

const limits = { fileBytesMax: 1000, lineBytesMax: 20 }

describe('container log', () => {
  const home = mkdtempSync(join(tmpdir(), 'container-log-'))
  const path = join(home, 'pod', '0.log')
  let log: ContainerLog

  beforeEach(() => {
    rmSync(join(home, 'pod'), { recursive: true, force: true })
    log = new ContainerLog(path, limits)
  })
  after(() => rmSync(home, { recursive: true, force: true }))

  const text = async (lines: AsyncIterable<string>): Promise<string> => {
    let all = ''
    for await (const line of lines) all += line
    return all
  }
  const read = (options: LogReadOptions = {}) => text(readLogFiles(path, options))
  const write = (...chunks: string[]) =>
    log.consume(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), 'stdout', () => 0)

  it('keeps lines that come in pieces whole', async () => {
    await write('on', 'e\ntw', 'o\n', 'three')
    assert.equal(await read(), 'one\ntwo\nthree\n')
  })

  it('cuts long lines and joins them again', async () => {
    const long = 'x'.repeat(205)
    await write(`${long}\n`, 'short\n')
    assert.equal(await read(), `${long}\nshort\n`)
  })

  it('stays within two files', async () => {
    for (let n = 0; n < 100; n += 1) await write(`line ${n}\n`)
    assert.ok(statSync(path).size <= limits.fileBytesMax)
    assert.ok(statSync(`${path}.1`).size <= limits.fileBytesMax)
    assert.match(await read(), /line 98\nline 99\n$/)
  })

  it('gives the last lines, lines since, and times', async () => {
    await log.append(['1970-01-01T00:00:01.000Z stdout F a', '1970-01-01T00:00:02.000Z stderr F b'])
    assert.equal(await read({ tailLines: 1 }), 'b\n')
    assert.equal(await read({ tailLines: 0 }), '')
    assert.equal(await read({ sinceMs: 2000 }), 'b\n')
    assert.equal(await read({ tailLines: 1, timestamps: true }), '1970-01-01T00:00:02.000Z b\n')
  })

  it('follows until the container ends', async () => {
    const stream = new PassThrough()
    const consumed = log.consume(stream, 'stdout', () => 0)
    await log.append(['1970-01-01T00:00:01.000Z stdout F before'])
    const followed = text(log.read({ follow: true }))
    stream.end('after\n')
    await consumed
    log.close()
    assert.equal(await followed, 'before\nafter\n')
  })

  it('is empty for a container that never wrote', async () => {
    assert.equal(await read(), '')
  })
})
