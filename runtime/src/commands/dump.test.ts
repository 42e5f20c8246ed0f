/** DUMP and RESTORE, word by word as redis-server 7.0.15 gives them. */
import assert from 'node:assert/strict'
import { Crc64 } from '../persistence/rdb/crc64.ts'
import { CommandRunner } from './testing/command-runner.ts'

/** DUMP of the value `1` in version 10. */
const ONE = '\x00\xc0\x01\x0a\x00'

/** The bytes with their checksum, one character per byte. */
function signed(text: string): string {
  const bytes = Buffer.from(`${text}${'\0'.repeat(8)}`, 'latin1')
  new Crc64().update(bytes, 0, text.length).write(bytes, text.length)
  return bytes.toString('latin1')
}

const one = signed(ONE)
const BAD_FOOTER = '-ERR DUMP payload version or checksum are wrong'
const BAD_DATA = '-ERR Bad data format'

/** The payload of DUMP without the length before it. */
const dumped = (runner: CommandRunner, key: string): string =>
  runner.run('dump', key).replace(/^\$\d+ /, '')

describe('DUMP', () => {
  it('gives what redis-server gives, and null for no key', () => {
    const runner = new CommandRunner(2)
    assert.equal(runner.run('dump', 'a'), '$-1')
    runner.run('set', 'a', '1')
    assert.equal(dumped(runner, 'a'), one)
    runner.run('set', 'a', 'x')
    assert.equal(dumped(runner, 'a'), signed('\x00\x01x\x0a\x00'))
  })
})

describe('RESTORE', () => {
  it('brings values of all sizes back, with their time', () => {
    const runner = new CommandRunner(2)
    for (const value of ['', '-7', '300', '70000', '9007199254740991', 'x'.repeat(100_000)]) {
      runner.run('set', 'a', value)
      const payload = dumped(runner, 'a')
      assert.equal(runner.run('restore', 'b', '0', payload, 'replace'), '+OK')
      assert.equal(runner.run('get', 'b'), runner.run('get', 'a'))
      assert.equal(runner.run('ttl', 'b'), ':-1')
    }
    assert.equal(runner.run('restore', 'c', '1500', one), '+OK')
    assert.equal(runner.run('pttl', 'c'), ':1500')
    const at = String(runner.nowMs + 10)
    assert.equal(runner.run('restore', 'd', at, one, 'ABSTTL', 'IDLETIME', '5'), '+OK')
    assert.equal(runner.run('pttl', 'd'), ':10')
    assert.equal(runner.run('restore', 'e', '0', one, 'freq', '255'), '+OK')
    assert.equal(runner.run('incr', 'e'), ':2')
  })

  it('deletes, or does nothing, when the time is over', () => {
    const runner = new CommandRunner(2)
    assert.equal(runner.run('restore', 'a', '1', one, 'absttl'), '+OK')
    assert.equal(runner.run('exists', 'a'), ':0')
    runner.run('set', 'a', 'x')
    assert.equal(runner.run('restore', 'a', '1', one, 'absttl', 'replace'), '+OK')
    assert.equal(runner.run('exists', 'a'), ':0')
  })

  it('refuses in the order in which Redis looks', () => {
    const runner = new CommandRunner(2)
    runner.run('set', 'busy', 'x')
    const tail = (...words: string[]) => runner.run('restore', 'a', '0', one, ...words)
    assert.equal(tail('bogus'), '-ERR syntax error')
    assert.equal(tail('idletime'), '-ERR syntax error')
    assert.equal(tail('idletime', '1', 'freq', '1'), '-ERR syntax error')
    assert.equal(tail('freq', '1', 'idletime', '1'), '-ERR syntax error')
    assert.equal(tail('idletime', '-1'), '-ERR Invalid IDLETIME value, must be >= 0')
    assert.equal(tail('freq', '256'), '-ERR Invalid FREQ value, must be >= 0 and <= 255')
    assert.equal(tail('freq', 'x'), '-ERR value is not an integer or out of range')
    assert.equal(
      runner.run('restore', 'busy', 'x', 'bad'),
      '-BUSYKEY Target key name already exists.',
    )
    assert.equal(
      runner.run('restore', 'a', 'x', 'bad'),
      '-ERR value is not an integer or out of range',
    )
    assert.equal(runner.run('restore', 'a', '-1', 'bad'), '-ERR Invalid TTL value, must be >= 0')
    assert.equal(runner.run('restore', 'a', '0', 'bad'), BAD_FOOTER)
    assert.equal(runner.run('get', 'busy'), '$1 x')
    assert.equal(runner.run('exists', 'a'), ':0')
  })

  it('lets no damaged payload in, wherever the damage is', () => {
    const runner = new CommandRunner(2)
    for (let at = 0; at < one.length; at++) {
      const damaged = `${one.slice(0, at)}${String.fromCharCode(one.charCodeAt(at) ^ 1)}${one.slice(at + 1)}`
      assert.equal(runner.run('restore', 'a', '0', damaged), BAD_FOOTER)
      assert.equal(runner.run('restore', 'a', '0', one.slice(0, at)), BAD_FOOTER)
    }
    assert.equal(runner.run('restore', 'a', '0', signed('\x00\xc0\x01\x0d\x00')), BAD_FOOTER)
  })

  it('lets nothing hostile in, though its checksum is right', () => {
    const runner = new CommandRunner(2)
    const hostile = [
      '',
      '\x00',
      '\x00\x05abc',
      '\x00\x80\xff\xff\xff\xff',
      `\x00\x81\x7f${'\xff'.repeat(7)}`,
      `\x00\x81${'\xff'.repeat(8)}`,
      '\x00\xc3\x02\x80\x1f\xff\xff\xffab',
      '\x00\xc3\x04\x04\x00a\x20\x01',
      '\x00\xc4',
      '\x01\x81\x80\0\0\0\0\0\0\0',
      '\x63\x00',
    ]
    for (const body of hostile) {
      assert.equal(runner.run('restore', 'a', '0', signed(`${body}\x0a\x00`)), BAD_DATA, body)
    }
    assert.equal(runner.run('exists', 'a'), ':0')
  })
})
