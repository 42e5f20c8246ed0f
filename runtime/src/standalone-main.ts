/** `miniredis-server`: the engine alone, one tenant, with redis-server's flags. */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { PRODUCT_VERSION } from './commands/server-facts.ts'
import { type StandaloneStore, standaloneStorage } from './persistence/open-store.ts'
import { systemClock } from './server/clock.ts'
import { createEngineServer, type EngineServer } from './server/engine-server.ts'
import { processFacts } from './server/process-facts.ts'
import {
  ConfigurationError,
  parseStandalone,
  type StandaloneConfiguration,
} from './server/standalone-configuration.ts'
import { configurePersistence, persistenceOf } from './server/standalone-persistence.ts'

const HELP = `Usage: miniredis-server [/path/to/redis.conf] [--name value ...]
       miniredis-server --help | --version

  --port 6379          port to listen on; 0 takes a free one
  --bind 127.0.0.1     address to listen on
  --requirepass text   password that clients must give
  --maxmemory 0        bytes of keys and values, with units such as 100mb; 0: no limit
  --maxclients 10000   connections at the same time
  --databases 16       databases, 1 to 16
  --appendonly no      keep every change in a log: yes or no
  --appendfsync everysec  when the log reaches the disk: always, everysec or no
  --save 3600 1 300 100   snapshot after so many seconds with so many changes; '': never
  --dir .              where the snapshot and the log are
  --dbfilename dump.rdb   name of the snapshot
  --timeout 0          seconds until an idle client is closed; 0: never
`

// Beside this file: the source in a work tree.
const logProgram = join(import.meta.dirname, 'log-worker-main.ts')

/** What is worth a line to whoever started the server. */
const logger = {
  info: () => undefined,
  warn: (fields: object, message: string) => console.error(message, fields),
  error: (fields: object, message: string) => console.error(message, fields),
}

const TENANT_UID = 'standalone'

async function main(words: readonly string[]): Promise<void> {
  if (words.includes('--help') || words.includes('-h')) {
    process.stdout.write(HELP)
  } else if (words.includes('--version') || words.includes('-v')) {
    console.log(`miniredis-server ${PRODUCT_VERSION}`)
  } else {
    await serve(parseStandalone(words, (path) => readFileSync(path, 'utf8')))
  }
}

async function serve(configuration: StandaloneConfiguration): Promise<void> {
  const server = createServer(configuration)
  const port = await server.listen()
  console.log(`miniredis-server ${PRODUCT_VERSION} ready on port ${port}, pid ${process.pid}`)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      console.log(`miniredis-server stopping on ${signal}`)
      void server.close()
    })
  }
}

function createServer(configuration: StandaloneConfiguration): EngineServer {
  const { port, bind, requirepass, maxmemory, maxclients, databases, timeout } = configuration
  const isOpen = requirepass === ''
  const server: EngineServer = createEngineServer({
    listen: { host: bind, port },
    clock: systemClock,
    random: () => randomBytes(4).readUInt32LE(),
    limits: { connectionsMax: maxclients, idleMs: timeout * 1000 },
    facts: processFacts(),
    settings: new Map([['bind', bind]]),
    createStorage: standaloneStorage(
      { directory: resolve(configuration.dir), logProgram, clock: systemClock, logger },
      storeOf(configuration),
    ),
    shutdown: (saves) => {
      console.log('miniredis-server stopping on SHUTDOWN')
      void server.close(saves)
    },
    commandFailed: (error) => console.error('A command failed.', error),
    ...(isOpen ? { openTenantUid: TENANT_UID } : {}),
  })
  server.assign({
    tenantUid: TENANT_UID,
    tenantId: TENANT_UID,
    userName: 'default',
    shard: 0,
    epoch: 1,
    firstSlot: 0,
    lastSlot: 16_383,
    passwordHashes: [createHash('sha256').update(requirepass).digest('hex')],
    memoryLimitBytes: maxmemory,
    connectionsMax: maxclients,
    databases,
    persistence: persistenceOf(configuration),
    served: true,
  })
  return server
}

function storeOf({ dir, dbfilename, appendonly }: StandaloneConfiguration): StandaloneStore {
  return {
    fileName: dbfilename,
    wantsLog: appendonly,
    settings: {
      fixed: new Map([
        ['dir', resolve(dir)],
        ['dbfilename', dbfilename],
      ]),
      configure: configurePersistence,
    },
  }
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const isPlain =
    error instanceof ConfigurationError || (error as { code?: string }).code !== undefined
  console.error(isPlain ? `miniredis-server: ${(error as Error).message}` : error)
  process.exitCode = 1
}
