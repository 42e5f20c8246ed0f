/** Replies of the commands on strings and keys, word by word as redis-server 7.0.15 gives them. */
import assert from 'node:assert/strict'
import { CommandRunner } from './testing/command-runner.ts'

const NIL = { 2: '$-1', 3: '_' } as const
const NO_INTEGER = '-ERR value is not an integer or out of range'
const SYNTAX = '-ERR syntax error'

/** A step is a command and its reply; NIL stands for the null of either protocol. */
type Step = readonly [line: string, reply: string | typeof NIL]
const stories: Readonly<Record<string, readonly Step[]>> = {
  'GET and SET': [
    ['get a', NIL],
    ['set a hello', '+OK'],
    ['get a', '$5 hello'],
    ['set a ""', '+OK'],
    ['get a', '$0'],
    ['set a 12345678901234567890', '+OK'],
    ['get a', '$20 12345678901234567890'],
    ['set a -0', '+OK'],
    ['get a', '$2 -0'],
  ],
  'SET with conditions': [
    ['set a 1 xx', NIL],
    ['set a 1 nx', '+OK'],
    ['set a 2 NX', NIL],
    ['set a 2 xx get', '$1 1'],
    ['set a 3 nx get', '$1 2'],
    ['get a', '$1 2'],
    ['set b 1 get', NIL],
    ['get b', '$1 1'],
    ['set a 1 nx xx', SYNTAX],
    ['set a 1 bogus', SYNTAX],
  ],
  'SET with a time': [
    ['set a 1 ex 10', '+OK'],
    ['ttl a', ':10'],
    ['set a 2 keepttl', '+OK'],
    ['pttl a', ':10000'],
    ['set a 3', '+OK'],
    ['ttl a', ':-1'],
    ['set a 4 pxat 1700000001500', '+OK'],
    ['pttl a', ':1500'],
    ['ttl a', ':2'],
    ['pexpiretime a', ':1700000001500'],
    ['expiretime a', ':1700000002'],
    ['set a 5 exat 1700000100', '+OK'],
    ['ttl a', ':100'],
    ['set b 1 pxat 1', '+OK'],
    ['get b', NIL],
    ['set a 1 ex 0', "-ERR invalid expire time in 'set' command"],
    ['set a 1 ex 9223372036854776', "-ERR invalid expire time in 'set' command"],
    ['set a 1 px 9223372036854775807', "-ERR invalid expire time in 'set' command"],
    ['set a 1 ex x', NO_INTEGER],
    ['set a 1 ex', SYNTAX],
    ['set a 1 ex 1 px 1', SYNTAX],
    ['set a 1 ex 1 keepttl', SYNTAX],
    ['get a', '$1 5'],
  ],
  'SETNX, SETEX, PSETEX, GETSET, GETDEL': [
    ['setnx a 1', ':1'],
    ['setnx a 2', ':0'],
    ['setex a 5 x', '+OK'],
    ['ttl a', ':5'],
    ['psetex a 1200 y', '+OK'],
    ['pttl a', ':1200'],
    ['setex a -1 x', "-ERR invalid expire time in 'setex' command"],
    ['psetex a 0 x', "-ERR invalid expire time in 'psetex' command"],
    ['getset a z', '$1 y'],
    ['ttl a', ':-1'],
    ['getdel a', '$1 z'],
    ['getdel a', NIL],
  ],
  GETEX: [
    ['getex a', NIL],
    ['set a v', '+OK'],
    ['getex a ex 10', '$1 v'],
    ['ttl a', ':10'],
    ['getex a', '$1 v'],
    ['ttl a', ':10'],
    ['getex a persist', '$1 v'],
    ['ttl a', ':-1'],
    ['getex a persist ex 1', SYNTAX],
    ['getex a nx', SYNTAX],
    ['getex a keepttl', SYNTAX],
    ['getex a px 0', "-ERR invalid expire time in 'getex' command"],
    ['getex a exat 1', '$1 v'],
    ['exists a', ':0'],
  ],
  'MGET, MSET, MSETNX': [
    ['mset a 1 b 2 a 3', '+OK'],
    ['mset a 1 b', "-ERR wrong number of arguments for 'mset' command"],
    ['msetnx c 1 a 1', ':0'],
    ['exists c', ':0'],
    ['msetnx c 1 d 1', ':1'],
    ['msetnx c', "-ERR wrong number of arguments for 'msetnx' command"],
    ['strlen a', ':1'],
    ['get a', '$1 3'],
  ],
  'INCR and its like': [
    ['incr a', ':1'],
    ['incrby a 41', ':42'],
    ['decr a', ':41'],
    ['decrby a 50', ':-9'],
    ['get a', '$2 -9'],
    ['strlen a', ':2'],
    ['set a 9223372036854775806', '+OK'],
    ['incr a', ':9223372036854775807'],
    ['incr a', '-ERR increment or decrement would overflow'],
    ['get a', '$19 9223372036854775807'],
    ['decrby a 9223372036854775807', ':0'],
    ['incrby a 9007199254740991', ':9007199254740991'],
    ['incrby a 9007199254740991', ':18014398509481982'],
    ['decrby a -9223372036854775808', '-ERR decrement would overflow'],
    ['incrby a 1.5', NO_INTEGER],
    ['incrby a 9223372036854775808', NO_INTEGER],
    ['set a x', '+OK'],
    ['incr a', NO_INTEGER],
    ['set a 1 ex 9', '+OK'],
    ['incr a', ':2'],
    ['ttl a', ':9'],
    ['append a 0', ':2'],
    ['incr a', ':21'],
    ['ttl a', ':9'],
  ],
  INCRBYFLOAT: [
    ['incrbyfloat a 10.50', '$4 10.5'],
    ['incrbyfloat a 0.1', '$4 10.6'],
    ['incrbyfloat a -5', '$3 5.6'],
    ['incrbyfloat a 5.0e3', '$22 5005.60000000000000009'],
    ['incrbyfloat a inf', '-ERR increment would produce NaN or Infinity'],
    ['incrbyfloat a x', '-ERR value is not a valid float'],
    ['set a abc', '+OK'],
    ['incrbyfloat a 1', '-ERR value is not a valid float'],
  ],
  'APPEND and STRLEN': [
    ['strlen a', ':0'],
    ['append a hello', ':5'],
    ['append a world', ':10'],
    ['get a', '$10 helloworld'],
    ['set n 12', '+OK'],
    ['append n 3', ':3'],
    ['incr n', ':124'],
    ['append e ""', ':0'],
    ['exists e', ':1'],
  ],
  'GETRANGE and SUBSTR': [
    ['set a helloworld', '+OK'],
    ['getrange a 0 4', '$5 hello'],
    ['getrange a -5 -1', '$5 world'],
    ['getrange a 0 -1', '$10 helloworld'],
    ['getrange a 3 100', '$7 loworld'],
    ['getrange a 5 3', '$0'],
    ['getrange a -1 -5', '$0'],
    ['getrange a -100 -20', '$1 h'],
    ['substr a 1 1', '$1 e'],
    ['getrange a x 1', NO_INTEGER],
    ['getrange none 0 -1', '$0'],
    ['set n 12345', '+OK'],
    ['getrange n 1 2', '$2 23'],
  ],
  SETRANGE: [
    ['setrange a 3 xy', ':5'],
    ['get a', '$5 \0\0\0xy'],
    ['setrange a 0 AB', ':5'],
    ['get a', '$5 AB\0xy'],
    ['setrange a 1 ""', ':5'],
    ['setrange none 5 ""', ':0'],
    ['exists none', ':0'],
    ['setrange a -1 x', '-ERR offset is out of range'],
    ['setrange a x x', NO_INTEGER],
    ['setrange a 536870912 x', '-ERR string exceeds maximum allowed size (proto-max-bulk-len)'],
  ],
  'DEL, UNLINK, EXISTS, TOUCH, TYPE': [
    ['mset a 1 b 2 c 3', '+OK'],
    ['exists a b a none', ':3'],
    ['touch a none', ':1'],
    ['type a', '+string'],
    ['type none', '+none'],
    ['del a a none', ':1'],
    ['unlink b c', ':2'],
    ['dbsize', ':0'],
  ],
  'EXPIRE and its conditions': [
    ['expire a 10', ':0'],
    ['set a v', '+OK'],
    ['expire a 10 xx', ':0'],
    ['expire a 10 gt', ':0'],
    ['expire a 10 lt', ':1'],
    ['expire a 20 lt', ':0'],
    ['expire a 20 nx', ':0'],
    ['expire a 20 GT', ':1'],
    ['expire a 5 xx lt', ':1'],
    ['ttl a', ':5'],
    ['pexpire a 1500', ':1'],
    ['ttl a', ':2'],
    ['expireat a 1700000100', ':1'],
    ['ttl a', ':100'],
    ['pexpireat a 1700000000400', ':1'],
    ['ttl a', ':0'],
    ['persist a', ':1'],
    ['persist a', ':0'],
    ['persist none', ':0'],
    ['pttl a', ':-1'],
    ['pttl none', ':-2'],
    ['get a', '$1 v'],
    ['expire a 1 nx xx', '-ERR NX and XX, GT or LT options at the same time are not compatible'],
    ['expire a 1 gt lt', '-ERR GT and LT options at the same time are not compatible'],
    ['expire a 1 bogus', '-ERR Unsupported option bogus'],
    ['expire a x', NO_INTEGER],
    ['expire a 9223372036854775807', "-ERR invalid expire time in 'expire' command"],
    ['pexpire a 9223372036854775807', "-ERR invalid expire time in 'pexpire' command"],
    ['expire a -1', ':1'],
    ['exists a', ':0'],
  ],
  'RENAME and RENAMENX': [
    ['rename a b', '-ERR no such key'],
    ['set a v ex 50', '+OK'],
    ['set b w', '+OK'],
    ['rename a b', '+OK'],
    ['get b', '$1 v'],
    ['ttl b', ':50'],
    ['exists a', ':0'],
    ['rename b b', '+OK'],
    ['renamenx b b', ':0'],
    ['set c 7', '+OK'],
    ['renamenx b c', ':0'],
    ['renamenx c d', ':1'],
    ['get d', '$1 7'],
    ['dbsize', ':2'],
  ],
  'SCAN, KEYS and RANDOMKEY': [
    ['randomkey', NIL],
    ['scan 0', '*2 $1 0 *0'],
    ['keys *', '*0'],
    ['set key:1 v', '+OK'],
    ['randomkey', '$5 key:1'],
    ['scan 0', '*2 $1 0 *1 $5 key:1'],
    ['scan 0 match k* count 5', '*2 $1 0 *1 $5 key:1'],
    ['scan 0 match x*', '*2 $1 0 *0'],
    ['scan 0 type string', '*2 $1 0 *1 $5 key:1'],
    ['scan 0 TYPE hash', '*2 $1 0 *0'],
    ['keys key:[0-9]', '*1 $5 key:1'],
    ['scan x', '-ERR invalid cursor'],
    ['scan 18446744073709551616', '-ERR invalid cursor'],
    ['scan 0 count 0', SYNTAX],
    ['scan 0 count x', NO_INTEGER],
    ['scan 0 count', SYNTAX],
    ['scan 0 bogus 1', SYNTAX],
  ],
  'FLUSHDB and FLUSHALL': [
    ['mset a 1 b 2', '+OK'],
    ['flushdb bogus', SYNTAX],
    ['flushdb async', '+OK'],
    ['dbsize', ':0'],
    ['set a 1', '+OK'],
    ['flushall sync sync', SYNTAX],
    ['flushall SYNC', '+OK'],
    ['dbsize', ':0'],
  ],
}

for (const version of [2, 3] as const) {
  describe(`data commands under RESP${version}`, () => {
    for (const [title, steps] of Object.entries(stories)) {
      it(title, () => {
        const runner = new CommandRunner(version)
        for (const [line, reply] of steps) {
          assert.equal(runner.ask(line), typeof reply === 'string' ? reply : reply[version], line)
        }
      })
    }

    it('MGET answers null for what is not there', () => {
      const runner = new CommandRunner(version)
      runner.ask('set a 1')
      assert.equal(runner.ask('mget a none a'), `*3 $1 1 ${NIL[version]} $1 1`)
    })
  })
}

describe('time in data commands', () => {
  it('passes: keys go when their time comes', () => {
    const runner = new CommandRunner(2)
    runner.ask('set a 1 px 1000')
    runner.nowMs += 999
    assert.equal(runner.ask('pttl a'), ':1')
    runner.nowMs += 1
    assert.equal(runner.ask('dbsize'), ':1')
    assert.equal(runner.ask('keys *'), '*0')
    assert.equal(runner.ask('setnx a 2'), ':1')
    assert.equal(runner.ask('pttl a'), ':-1')
  })

  it('is not counted beyond what a double holds', () => {
    const runner = new CommandRunner(2)
    runner.ask('set a 1 pxat 9223372036854775807')
    assert.equal(runner.ask('pexpiretime a'), `:${Number.MAX_SAFE_INTEGER}`)
    assert.equal(runner.ask('pexpireat a -9223372036854775808'), ':1')
    assert.equal(runner.ask('exists a'), ':0')
  })
})

describe('limits of data commands', () => {
  it('a string grows to 512 MiB and no further', () => {
    const runner = new CommandRunner(2)
    assert.equal(runner.run('setrange', 'a', '536870911', 'x'), ':536870912')
    assert.match(runner.run('append', 'a', 'y'), /^-ERR string exceeds maximum allowed size/)
    assert.equal(runner.ask('getrange a -1 -1'), '$1 x')
    assert.equal(runner.ask('incrbyfloat a 1'), '-ERR value is not a valid float')
    assert.match(runner.ask('incr a'), /^-ERR value is not an integer/)
    runner.ask('del a')
    assert.equal(runner.tenant.usedBytes, 0)
  })

  it('SCAN takes cursors and types of any length without reading them', () => {
    const runner = new CommandRunner(2)
    runner.ask('set a 1')
    assert.equal(runner.run('scan', '1'.repeat(1 << 20)), '-ERR invalid cursor')
    assert.equal(runner.run('scan', '0', 'type', 'x'.repeat(1 << 20)), '*2 $1 0 *0')
  })
})

describe('SCAN', () => {
  it('returns every key that stays, with any COUNT, while others come and go', () => {
    const runner = new CommandRunner(2)
    for (let at = 0; at < 1000; at++) runner.ask(`set key:${at} v`)
    const seen = new Set<string>()
    let cursor = '0'
    let others = 0
    do {
      const parts = runner.ask(`scan ${cursor} count 7`).split(' ')
      cursor = parts[2]
      for (let at = 5; at < parts.length; at += 2) seen.add(parts[at])
      for (let at = 0; at < 10; at++) runner.ask(`set other:${others++} v`)
      if (others % 200 === 0) for (let at = 0; at < others; at++) runner.ask(`del other:${at}`)
    } while (cursor !== '0')
    for (let at = 0; at < 1000; at++) assert.ok(seen.has(`key:${at}`), `key:${at}`)
  })
})
