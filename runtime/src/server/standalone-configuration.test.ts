import assert from 'node:assert/strict'
import { defaultConfiguration, parseStandalone } from './standalone-configuration.ts'

const noFile = (path: string): string => assert.fail(`nobody named ${path}`)
const parse = (line: string) => parseStandalone(line === '' ? [] : line.split(' '), noFile)

describe('standalone configuration', () => {
  it('has defaults for everything', () => {
    assert.deepEqual(parse(''), defaultConfiguration)
  })

  it("takes redis-server's flags", () => {
    const flags =
      '--port 7000 --bind 127.0.0.2 --requirepass s --maxmemory 100mb --maxclients 5 --databases 4 --timeout 60 ' +
      '--appendonly yes --appendfsync always --save 60 5 10 100 --dir /data --dbfilename d.rdb'
    assert.deepEqual(parse(flags), {
      port: 7000,
      bind: '127.0.0.2',
      requirepass: 's',
      maxmemory: 104_857_600,
      maxclients: 5,
      databases: 4,
      timeout: 60,
      appendonly: true,
      appendfsync: 'Always',
      save: [
        [60, 5],
        [10, 100],
      ],
      dir: '/data',
      dbfilename: 'd.rdb',
    })
  })

  it('reads a file, and flags win over it', () => {
    const file = '# a comment\n\nport 7000\nrequirepass "two words"\nmaxmemory 1k\n'
    const configuration = parseStandalone(['x.conf', '--port', '7001'], () => file)
    assert.equal(configuration.port, 7001)
    assert.equal(configuration.requirepass, 'two words')
    assert.equal(configuration.maxmemory, 1000)
  })

  it('adds up the save lines of a file, and an empty one clears them', () => {
    const parseFile = (text: string) => parseStandalone(['x.conf'], () => text).save
    assert.deepEqual(parseFile('save 60 5\nsave 10 100\n'), [
      [60, 5],
      [10, 100],
    ])
    assert.deepEqual(parseFile('save ""\n'), [])
    assert.deepEqual(parseStandalone(['--save', ''], noFile).save, [])
  })

  for (const [line, message] of [
    ['--nope 1', /'nope': Bad directive or wrong number of arguments; known: port, /],
    ['--constructor 1', /'constructor': Bad directive/],
    ['--port', /'--port': wrong number of arguments/],
    ['--port x', /'port "x"': argument must be between 0 and 65535 inclusive/],
    ['--databases 17', /between 1 and 16/],
    ['--maxmemory 1tb', /argument must be a memory value/],
    ['--port 1 2', /'port "1 2"': argument must be between 0 and 65535 inclusive/],
    ['--appendonly maybe', /argument must be 'yes' or 'no'/],
    ['--appendfsync daily', /must be one of: everysec, always, no/],
    ['--save 60', /Invalid save parameters/],
    ['--dbfilename a/b', /can't be a path/],
  ] as const) {
    it(`refuses ${line}`, () => {
      assert.throws(() => parse(line), { name: 'ConfigurationError', message })
    })
  }
})
